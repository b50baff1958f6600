import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Entry, type Known, note, readLedger } from './ledger.ts';

/** A mutant that nothing has killed. */
export interface Open {
  readonly key: string;
  /** The tests that it was tried with. */
  readonly tests: readonly string[];
  /** The test file is named like its source. */
  readonly near: boolean;
}

/** What the runner in the test's process is told. */
export interface Plan {
  /** The test file, from the root, and the hash of its text. */
  readonly file: string;
  readonly hash: string;
  /** Where it notes what it sees, and what it is about to do. */
  readonly ledger: string;
  readonly progress: string;
  /** The mutants that nothing has killed, by the id that switches them on, and the tests they were tried with. */
  readonly open: Readonly<Record<string, Open>>;
  readonly unusable: readonly string[];
  /** A mutant is tried with that many tests at most, and with that many of each file that is not the source's own. */
  readonly testsPerMutant: number;
  readonly testsPerFile: number;
  /** How long the tests of one file are gone through. */
  readonly secondsPerFile: number;
  /** How long a test may take, beside five times what it took without a mutant. */
  readonly patienceMilliseconds: number;
}

/**
 * Whether a mutant was tried with this test, or with as many as it is tried with. What a test file was before it was changed
 * does not count against what it is now.
 */
export function isTriedEnough(
  {
    file,
    hash,
    testsPerFile,
    testsPerMutant,
  }: Pick<Plan, 'file' | 'hash' | 'testsPerFile' | 'testsPerMutant'>,
  { near, tests }: Pick<Open, 'near' | 'tests'>,
  name: string,
): boolean {
  if (tests.includes(name)) return true;
  if (near) return false;
  const ofFile = tests.filter((test) => test.startsWith(`${file}@${hash} `)).length;
  return ofFile >= testsPerFile || tests.length >= testsPerMutant;
}

/** A process that has noted nothing for so long is stuck. */
const STUCK_MILLISECONDS = 180_000;

/** Where stores are made: nothing here is about what a disk keeps, and a sync of it is most of what a test waits for. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Where things are for a trial. */
export interface Place {
  readonly root: string;
  readonly sandbox: string;
}

/** Goes through one test file, until its end or until a mutant spoils the process. One that makes it hang is killed by that. */
export async function tryFile(place: Place, plan: Plan): Promise<void> {
  const planPath = join(place.sandbox, '..', 'plan.json');
  writeFileSync(planPath, JSON.stringify(plan));
  rmSync(plan.progress, { force: true });
  const before = readLedger(plan.ledger);
  const config = join(place.sandbox, 'tools', 'mutation', 'vitest.config.ts');
  const args = ['--config', config, plan.file];
  const { byItself } = await vitest(place, args, { MUTATION_PLAN: planPath }, () => changedAt(plan));
  const doing = readLedger(plan.progress).last;
  const entry = leftUnsaid(before, readLedger(plan.ledger), doing, byItself);
  if (entry === 'nothing was tried')
    throw new Error(`${plan.file} does not come to its end without a mutant`);
  if (entry !== null) note(plan.ledger, entry);
}

/**
 * What a process that has ended could not say itself: a mutant that made it hang is killed, and one that made it break off is
 * unclear. Null when the process has said why it went no further.
 * @param doing what it was about to do
 */
export function leftUnsaid(
  before: Known,
  after: Known,
  doing: Entry | null,
  byItself: boolean,
): Entry | null | 'nothing was tried' {
  if (after.finished > before.finished || after.unclear.length > before.unclear.length) return null;
  if (doing?.kind !== 'unclear') return 'nothing was tried';
  return byItself ? doing : { kind: 'killed', mutant: doing.mutant, how: 'timeout', by: doing.test };
}

/** Runs a whole test file in a process of its own with one mutant switched on from its beginning. */
export async function tryAlone(
  place: Place,
  file: string,
  mutant: string,
): Promise<'passed' | 'failed' | 'timeout'> {
  const config = join(place.sandbox, 'tools', 'mutation', 'vitest-alone.config.ts');
  const begun = Date.now();
  const results = join(place.sandbox, '..', 'alone.json');
  rmSync(results, { force: true });
  const reporter = ['--reporter', 'json', '--outputFile', results];
  const args = ['--config', config, '--bail', '1', ...reporter, file];
  const ended = await vitest(place, args, { __STRYKER_ACTIVE_MUTANT__: mutant }, () => begun);
  if (!ended.byItself) return 'timeout';
  // A run that never came to its tests says nothing of the mutant.
  if (!existsSync(results)) throw new Error(`${file} could not be run`);
  return ended.exitCode === 0 ? 'passed' : 'failed';
}

/**
 * Runs vitest to its end, or ends it when it is stuck.
 * @param changed when it was last seen to do something
 */
async function vitest(
  place: Place,
  args: readonly string[],
  env: Record<string, string>,
  changed: () => number,
): Promise<{ readonly byItself: boolean; readonly exitCode: number | null }> {
  const program = join(place.root, 'node_modules', 'vitest', 'vitest.mjs');
  // What is killed removes nothing of its own.
  const temporary = mkdtempSync(join(MEMORY, 'latchkey-mutation-'));
  try {
    const child = spawn(process.execPath, [program, 'run', ...args], {
      cwd: place.sandbox,
      // A group of its own: what is stuck is ended with everything it started.
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, ...env, TEST_ENGINES: 'sqlite', TMPDIR: temporary },
    });
    return { byItself: await ends(child, changed), exitCode: child.exitCode };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Whether a process ends by itself; one that was stuck is ended. */
async function ends(child: ChildProcess, changed: () => number): Promise<boolean> {
  const ended = once(child, 'exit').then(() => true);
  const kill = () =>
    child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, 'SIGKILL');
  process.on('exit', kill);
  const begun = Date.now();
  try {
    for (;;) {
      const timer = new AbortController();
      const waited = delay(1000, false, { signal: timer.signal }).catch(() => false);
      if (await Promise.race([ended, waited])) return true;
      timer.abort();
      if (Date.now() - Math.max(begun, changed()) <= STUCK_MILLISECONDS) continue;
      kill();
      await ended;
      return false;
    }
  } finally {
    process.off('exit', kill);
  }
}

function changedAt({ ledger, progress }: Plan): number {
  const times = [ledger, progress].filter((path) => existsSync(path)).map((path) => statSync(path).mtimeMs);
  return Math.max(0, ...times);
}
