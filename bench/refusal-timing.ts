import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from '@node-rs/argon2';
import { hashSync as bcryptSync } from '@node-rs/bcrypt';
import { DOORS, type Door } from '../server/testing/doors.ts';
import { median } from './recorder.ts';
import { environment, PROGRAM, type Subject, start } from './subject.ts';

// Whether the reason of a refusal can be told by the time it takes: every reason at every contract, interleaved at random,
// each attempt on an account of its own. For each pair of reasons the probability that an attempt of the one takes longer
// than one of the other (AUC): 0.5 when nothing can be told. Reasons that a contract answers with different statuses are
// not compared: malformed ones are answered at once, whoever they name.

const AT_ONCE = 16;
const PASSWORD = 'the right password';
const ORGANISATIONS = {
  suspended: '00000000-0000-4000-8000-000000000001',
  locking: '00000000-0000-4000-8000-000000000002',
};

const current = hashSync(PASSWORD, { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 });

/** Every reason to refuse: what the account is like, and the password that is tried; null for one that does not exist. */
const REASONS: Readonly<Record<string, { account: object | null; password?: string; primed?: boolean }>> = {
  unknown: { account: null },
  wrong: { account: {} },
  'no password': { account: { passwordHash: null } },
  inactive: { account: { status: 'inactive' } },
  'not validated': { account: { emailValidated: false } },
  suspended: { account: { organisation: ORGANISATIONS.suspended } },
  locked: { account: { organisation: ORGANISATIONS.locking }, primed: true },
  'weak argon2id': {
    account: { passwordHash: hashSync(PASSWORD, { algorithm: 2, memoryCost: 4096, timeCost: 1 }) },
  },
  bcrypt: { account: { passwordHash: bcryptSync(PASSWORD, 10) } },
  'empty password': { account: {}, password: '' },
  'empty password, unknown': { account: null, password: '' },
  'long password': { account: {}, password: 'x'.repeat(1025) },
  'long password, unknown': { account: null, password: 'x'.repeat(1025) },
};

const samples = Number(/--samples=(\d+)/.exec(process.argv.join(' '))?.[1] ?? 100);
const only = /--contract=(\S+)/.exec(process.argv.join(' '))?.[1];
const doors = DOORS.filter((door) => only === undefined || door.contract === only);

interface Attempt {
  readonly reason: string;
  readonly email: string;
  readonly password: string;
}

function attemptsAt(door: Door): Attempt[] {
  return Object.entries(REASONS).flatMap(([reason, { password = 'a wrong password' }], index) =>
    Array.from({ length: samples }, (_, number) => ({
      reason,
      email: `${door.contract}-${index}-${number}@example.com`,
      password,
    })),
  );
}

function directory(): string {
  const organisations = [
    { kind: 'organisation', id: ORGANISATIONS.suspended, name: 'Suspended', isSuspended: true },
    {
      kind: 'organisation',
      id: ORGANISATIONS.locking,
      name: 'Locking',
      settings: { maxFailedSignInAttempts: 1 },
    },
  ];
  const accounts = doors.flatMap(attemptsAt).flatMap(({ reason, email }) => {
    const { account } = REASONS[reason] ?? {};
    const user = { name: email };
    return account
      ? [{ kind: 'account', email, emailValidated: true, passwordHash: current, user, ...account }]
      : [];
  });
  const lines = [
    ...organisations,
    ...accounts.map((account, index) => ({ ...account, id: numberedUuid(index) })),
  ];
  return lines.map((line) => JSON.stringify(line)).join('\n');
}

function numberedUuid(number: number): string {
  return `00000000-0000-4000-9000-${String(number).padStart(12, '0')}`;
}

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

interface Timed {
  readonly status: number;
  readonly milliseconds: number;
}

/** How long one attempt takes until its whole answer is there. */
function timed(subject: Subject, door: Door, attempt: Attempt): Promise<Timed> {
  const body = JSON.stringify(door.body(attempt));
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const headers = { 'content-type': 'application/json', ...door.headers };
    const asked = request(subject.url + door.path, { method: 'POST', agent, headers }, (answer) => {
      if (answer.statusCode === 429 || answer.statusCode === 503)
        reject(new Error(`answered ${answer.statusCode} for ${attempt.reason}`));
      const status = answer.statusCode ?? 0;
      answer.resume().once('end', () => resolve({ status, milliseconds: performance.now() - begun }));
    });
    asked.once('error', reject).end(body);
  });
}

/** What was measured of one reason. */
interface Measured {
  readonly reason: string;
  readonly status: number;
  readonly times: number[];
}

/** Makes all attempts, a few at a time. */
async function measure(subject: Subject, door: Door): Promise<Measured[]> {
  const attempts = attemptsAt(door);
  const primed = attempts.filter(({ reason }) => REASONS[reason]?.primed);
  await eachAtOnce(primed, (attempt) => timed(subject, door, attempt));
  const measured = new Map<string, Measured>();
  await eachAtOnce(shuffled(attempts), async (attempt) => {
    const { status, milliseconds } = await timed(subject, door, attempt);
    const { reason } = attempt;
    const so = measured.get(reason) ?? { reason, status, times: [] };
    if (so.status !== status) throw new Error(`${reason} is answered ${so.status} and ${status}`);
    so.times.push(milliseconds);
    measured.set(reason, so);
  });
  return [...measured.values()];
}

async function eachAtOnce<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const left = [...items];
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  });
  await Promise.all(workers);
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** The probability that a value of the first takes longer than one of the second; equal ones count half. */
function auc(first: readonly number[], second: readonly number[]): number {
  let wins = 0;
  for (const a of first) for (const b of second) wins += a > b ? 1 : a === b ? 0.5 : 0;
  return wins / (first.length * second.length);
}

function report(door: Door, measured: readonly Measured[]): void {
  console.log(`\n${door.contract}: ${samples} attempts for each of ${measured.length} reasons`);
  for (const { reason, status, times } of measured.toSorted((a, b) => a.status - b.status))
    console.log(`  ${status}  ${reason.padEnd(24)} ${median(times).toFixed(1).padStart(6)} ms`);
  const pairs = measured.flatMap((a, index) =>
    measured
      .slice(index + 1)
      .filter((b) => a.status === b.status)
      .map((b) => ({
        between: `${a.reason}, ${b.reason}`,
        auc: auc(a.times, b.times),
        apart: Math.abs(median(a.times) - median(b.times)),
      })),
  );
  const [farthest] = pairs.toSorted((a, b) => Math.abs(b.auc - 0.5) - Math.abs(a.auc - 0.5));
  const [widest] = pairs.toSorted((a, b) => b.apart - a.apart);
  if (!farthest || !widest) return;
  console.log(
    `  farthest from 0.5 of ${pairs.length} pairs: ${farthest.auc.toFixed(3)} (${farthest.between})`,
  );
  console.log(`  medians farthest apart: ${widest.apart.toFixed(2)} ms (${widest.between})`);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-refusals-'));
  const settings = {
    LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":100000,"seconds":60}',
    LATCHKEY_MOUNTS: JSON.stringify(
      DOORS.map(({ contract }) =>
        contract === 'role-picker' ? { contract, hideUnknownIdentity: true } : { contract },
      ),
    ),
  };
  const env = { ...environment(), ...settings };
  execFileSync(PROGRAM, ['import', '-'], { cwd: folder, env, input: directory(), stdio: 'pipe' });
  const subject = await start(PROGRAM, ['serve'], folder, settings);
  try {
    for (const door of doors) report(door, await measure(subject, door));
  } finally {
    await subject.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
process.exit(0);
