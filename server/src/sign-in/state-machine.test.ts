import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { PUBLIC_URL } from '../../testing/passkeys.ts';
import { frozenClock } from '../../testing/ports.ts';
import { readPrintedMail } from '../../testing/printed-mail.ts';
import { ADDRESS_STEPS } from '../../testing/sign-in-model/address-steps.ts';
import { CAST_SIZE, loadCast, ROLES } from '../../testing/sign-in-model/cast.ts';
import { CHANGE_STEPS } from '../../testing/sign-in-model/change-steps.ts';
import { CRASH_STEPS } from '../../testing/sign-in-model/crash-steps.ts';
import { openLiveSessions } from '../../testing/sign-in-model/live-sessions.ts';
import { OPERATOR_STEPS } from '../../testing/sign-in-model/operator-steps.ts';
import { PASSKEY_STEPS } from '../../testing/sign-in-model/passkey-steps.ts';
import { Servers } from '../../testing/sign-in-model/servers.ts';
import { SESSION_STEPS } from '../../testing/sign-in-model/session-steps.ts';
import { SIGN_IN_STEPS } from '../../testing/sign-in-model/sign-in-steps.ts';
import { SIGN_UP_STEPS } from '../../testing/sign-in-model/sign-up-steps.ts';
import {
  CODE_MILLISECONDS,
  QUEUE_MILLISECONDS,
  TICKET_MILLISECONDS,
} from '../../testing/sign-in-model/state.ts';
import { MOST_FAILURES } from '../../testing/sign-in-model/tries.ts';
import { type Stage, type Tally, World } from '../../testing/sign-in-model/world.ts';

// The whole of signing in, in any order, by several people, at every contract, at two servers that die now and then, against a
// small model. One property above all: no session without every step that policy asked for. Beside it, every answer is of the
// kind that the model expects, and the sessions in the store are the model's after every step.

/** The steps that are taken at least: `TEST_MODEL_STEPS` takes another number. */
const STEPS = Number(process.env.TEST_MODEL_STEPS ?? 20_000);

/** Of these, a part on each engine: the rules are the same, and what has to be found is how they are kept. */
const PARTS = { sqlite: 0.85, postgres: 0.15 } as const;

/** The longest run, and the runs that share a seed. */
const RUN_STEPS = 120;
const SEED_RUNS = 20;

/** How long the fewest steps that show a failure are looked for, in milliseconds: then those found so far are told. */
const LONGEST_SEARCH = 180_000;

/** What failures have printed, to see them again before new runs are drawn: CONTRIBUTING tells how. */
const REPLAY: readonly { readonly seed: number; readonly path: string; readonly replayPath: string }[] = [];

/** Endings without which the test would have shown little: each kind of step must have come to them. */
const REACHED: Readonly<Record<string, readonly string[]>> = {
  'begin at fingerprint': ['session', 'step', 'refused', 'throttled'],
  'begin at profile': ['session', 'step', 'refused', 'throttled'],
  'begin at role-picker': ['choices', 'refused', 'throttled'],
  'begin at credential-type': ['session', 'step', 'refused', 'throttled'],
  'begin at login': ['session', 'step', 'refused', 'throttled'],
  'begin at native': ['session', 'step', 'refused', 'throttled'],
  pick: ['session', 'step', 'refused'],
  'prove the right': ['session', 'refused', 'throttled'],
  'prove a recovery': ['session', 'refused'],
  resend: ['done', 'refused'],
  refresh: ['refreshed', 'refused'],
  'prove again': ['session', 'step', 'refused'],
  'switch role': ['session', 'step', 'refused'],
  enrol: ['step', 'refused'],
  'confirm factor': ['done', 'refused'],
  'remove factor': ['done', 'refused'],
  'renew recovery codes': ['done', 'refused'],
  'reset password': ['done', 'refused'],
  'change password': ['done', 'refused'],
  'add passkey': ['done', 'refused'],
  'remove passkey': ['done', 'refused'],
  'sign in by passkey fresh': ['session', 'refused'],
  'sign in by passkey again': ['refused'],
  'prove by passkey fresh': ['session', 'refused'],
  'ask for an address': ['step', 'refused'],
  'confirm an address': ['done', 'refused'],
  'confirm a sign-up by the right': ['session', 'refused'],
  crash: ['done'],
  'die amid': ['nothing', 'refreshed'],
};

const tally: Tally = new Map();
let stage: Stage;

const MAIL_LIMITS = ['PER_ADDRESS', 'PER_SOURCE'].flatMap((limit) => [
  `UNPROVEN_${limit}`,
  `PROVEN_${limit}`,
]);
const SETTINGS = {
  LATCHKEY_MAIL_URL: 'console:',
  LATCHKEY_PUBLIC_URL: PUBLIC_URL,
  LATCHKEY_SIGN_UP_ENABLED: 'true',
  // Servers learn of each other's keys in half a second, in which weeks may pass here.
  LATCHKEY_KEYS_ROTATE_DAYS: '0',
  LATCHKEY_HASHING_MEMORY_KIB: '8',
  LATCHKEY_HASHING_QUEUE_MILLISECONDS: String(QUEUE_MILLISECONDS),
  LATCHKEY_CHALLENGE_PIN_SECONDS: String(CODE_MILLISECONDS / 1000),
  LATCHKEY_CHALLENGE_TICKET_SECONDS: String(TICKET_MILLISECONDS / 1000),
  LATCHKEY_SIGN_IN_MAX_FAILURES: String(MOST_FAILURES),
  ...Object.fromEntries(
    [...MAIL_LIMITS, 'PER_ORGANISATION', 'PER_DAY'].map((limit) => [
      `LATCHKEY_MAIL_LIMIT_${limit}`,
      '100000000',
    ]),
  ),
};

async function setStage(engine: (typeof ENGINES)[number]): Promise<Stage> {
  const mail = readPrintedMail();
  const core = await openTestCore(engine, SETTINGS, frozenClock());
  await loadDirectory(
    core,
    ROLES.map((name) => ({ kind: 'role', name })),
  );
  const servers = new Servers(core);
  await servers.start();
  return { core, servers, mail, live: await openLiveSessions(core.config.store.url), tally };
}

const lived = fc.oneof(
  ...SIGN_IN_STEPS,
  ...PASSKEY_STEPS,
  ...SIGN_UP_STEPS,
  ...ADDRESS_STEPS,
  ...SESSION_STEPS,
  ...CHANGE_STEPS,
  ...OPERATOR_STEPS,
);
/** A new server takes as long as a hundred steps. */
const step = fc.oneof({ weight: 80, arbitrary: lived }, { weight: 1, arbitrary: fc.oneof(...CRASH_STEPS) });

let failedAt: number | undefined;
/** Whether the fewest steps that show a failure were looked for long enough: what is tried after that shows nothing. */
const isTold = () => failedAt !== undefined && performance.now() - failedAt > LONGEST_SEARCH;

/** The property, of runs that fast-check draws; of one that it drew before, with what was kept of it. */
function play(replayed: { readonly replayPath?: string } = {}) {
  const run = fc.commands([step], { maxCommands: RUN_STEPS, size: 'max', ...replayed });
  return fc.asyncProperty(run, fc.nat(CAST_SIZE - 1), async (steps, lead) => {
    if (isTold()) return;
    await stage.servers.start();
    const model = await loadCast(stage.core, lead);
    const world = new World(stage);
    try {
      await fc.asyncModelRun(async () => ({ model, real: world }), steps);
      await world.checkMail(model);
    } catch (error) {
      failedAt ??= performance.now();
      throw error;
    }
  });
}

const taken = () =>
  [...tally.values()].flatMap((endings) => [...endings.values()]).reduce((sum, count) => sum + count, 0);

function inWords(): string {
  const lines = [...tally].map(
    ([kind, endings]) =>
      `  ${kind}: ${[...endings].map(([ending, count]) => `${ending} ${count}`).join(', ')}`,
  );
  return `${taken()} steps\n${lines.sort().join('\n')}`;
}

const print = (text: string) => process.stdout.write(`the model of signing in: ${text}\n`);

describe.each(ENGINES)('on %s', (engine) => {
  beforeAll(async () => {
    stage = await setStage(engine);
  });
  afterAll(async () => {
    await stage.live.close();
    await stage.servers.stop();
    await stage.core.close();
    stage.mail.stop();
  });

  test('no session comes without every step that policy asked for', { timeout: 900_000 }, async () => {
    failedAt = undefined;
    for (const { seed, path, replayPath } of REPLAY)
      await fc.assert(play({ replayPath }), { seed, path, endOnFailure: true });
    const wanted = taken() + STEPS * PARTS[engine];
    let seed = randomInt(0x7000_0000);
    print(`seeds from ${seed} on, ${SEED_RUNS} runs each, on ${engine}`);
    try {
      for (; taken() < wanted; seed += 1) await fc.assert(play(), { numRuns: SEED_RUNS, seed });
    } finally {
      print(`seeds to ${seed}, ${inWords()}`);
    }
    expect(taken()).toBeGreaterThanOrEqual(wanted);
  });
});

test.each(Object.entries(REACHED))('%s has come to every end', (kind, endings) => {
  expect([...(tally.get(kind)?.keys() ?? [])]).toEqual(expect.arrayContaining([...endings]));
});
