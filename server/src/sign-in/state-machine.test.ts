import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { frozenClock } from '../../testing/ports.ts';
import { type PrintedMail, readPrintedMail } from '../../testing/printed-mail.ts';
import { loadCast } from '../../testing/sign-in-model/cast.ts';
import { CHANGE_STEPS } from '../../testing/sign-in-model/change-steps.ts';
import { OPERATOR_STEPS } from '../../testing/sign-in-model/operator-steps.ts';
import { SESSION_STEPS } from '../../testing/sign-in-model/session-steps.ts';
import { SIGN_IN_STEPS } from '../../testing/sign-in-model/sign-in-steps.ts';
import { MOST_FAILURES } from '../../testing/sign-in-model/tries.ts';
import { T, type Tally, World } from '../../testing/sign-in-model/world.ts';

// The whole of signing in, in any order, by several people at every contract, against a small model: no session comes without
// every step that policy asked for, and every answer is the one that the model expects.

const STEPS = 50_000;
const RUN_STEPS = 120;
const ROUND_RUNS = 20;

/** What a failure has printed, to see it again: `{ seed, path, replayPath }`. */
const REPLAY: { seed: number; path?: string; replayPath?: string } | null = null;

let app: TestApp;
let database: DatabaseSync;
let mail: PrintedMail;
const tally: Tally = new Map();

beforeAll(async () => {
  mail = readPrintedMail();
  const unlimited = ['UNPROVEN_PER_ADDRESS', 'PROVEN_PER_ADDRESS', 'UNPROVEN_PER_SOURCE', 'PROVEN_PER_SOURCE', 'PER_ORGANISATION', 'PER_DAY'];
  app = await startApp(
    'sqlite',
    {
      LATCHKEY_MAIL_URL: 'console:',
      LATCHKEY_HASHING_MEMORY_KIB: '8',
      LATCHKEY_SIGN_IN_MAX_FAILURES: String(MOST_FAILURES),
      ...Object.fromEntries(unlimited.map((name) => [`LATCHKEY_MAIL_LIMIT_${name}`, '100000000'])),
    },
    frozenClock(),
  );
  await app.load(...['Student', 'Teacher', 'Clerk'].map((name) => ({ kind: 'role', name })));
  database = new DatabaseSync(app.core.config.store.url.slice('sqlite:'.length), { readOnly: true });
});
afterAll(async () => {
  mail.stop();
  database.close();
  await app.stop();
});

const step = fc.oneof(...SIGN_IN_STEPS, ...SESSION_STEPS, ...CHANGE_STEPS, ...OPERATOR_STEPS);
const runs = fc.commands<Awaited<ReturnType<typeof loadCast>>, World>([step], { maxCommands: RUN_STEPS, size: 'max' });

const stepsTaken = () =>
  [...tally.values()].flatMap((endings) => [...endings.values()]).reduce((sum, count) => sum + count, 0);

test('no session comes without every step that policy asked for', { timeout: 900_000 }, async () => {
  const first = REPLAY?.seed ?? Math.floor(Math.random() * 0x7fff_ffff);
  const begun = performance.now();
  for (let round = 0; stepsTaken() < (Number(process.env.N) || STEPS); round += 1) {
    await fc.assert(
      fc.asyncProperty(runs, (commands) =>
        fc.asyncModelRun(async () => { const t=performance.now(); const model=await loadCast(app); T.cast+=performance.now()-t; return ({ model, real: new World({ app, mail, database, tally }) })}, commands),
      ),
      { numRuns: ROUND_RUNS, seed: first + round },
    );
  }
  console.log(stepsTaken(), 'steps in', Math.round(performance.now() - begun), 'ms, seeds from', first);
  console.log(T, process.cpuUsage());console.log([...tally].map(([kind, endings]) => `${kind}: ${[...endings].map(([e, n]) => `${e} ${n}`).join(', ')}`).sort().join('\n'));
  expect(stepsTaken()).toBeGreaterThanOrEqual(1);
});
