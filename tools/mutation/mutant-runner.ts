import { readFileSync } from 'node:fs';
import { type RunnerTestCase, type RunnerTestSuite, TestRunner } from 'vitest';
import { note } from './ledger.ts';
import { isTriedEnough, type Open, type Plan } from './trial.ts';

// Runs each test once as it is, to see which mutants are in code that it runs; then again with each of those switched on.
// The service that the test file started serves all of them: starting it anew for each would take a hundred times as long.

/** What the switches in the instrumented sources look at. */
interface Switches {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> };
}

/** A test that passed as it is. */
interface Usable {
  readonly test: RunnerTestCase;
  readonly name: string;
  readonly milliseconds: number;
  /** How long it may take, in milliseconds. */
  readonly limit: number;
  /** The mutants in code that it runs. */
  readonly ids: ReadonlySet<string>;
  /** Null until it was tried. */
  passesTwice: boolean | null;
}

function switches(): Switches {
  const everywhere = globalThis as { __stryker__?: Switches };
  everywhere.__stryker__ ??= {};
  return everywhere.__stryker__;
}

/** The runner that vitest is told to use. */
export default class MutantRunner extends TestRunner {
  readonly #plan: Plan = JSON.parse(readFileSync(process.env.MUTATION_PLAN ?? '', 'utf8'));
  readonly #open = new Map(Object.entries(this.#plan.open));
  readonly #switches = switches();
  #failed = false;
  #complete = true;
  readonly #usable = new Map<RunnerTestSuite, Usable[]>();

  async runTask(test: RunnerTestCase): Promise<void> {
    // Half of the time is for seeing what there is to try.
    if (this.#isInTime(1 / 2)) await this.#runFirst(test);
    const group = groupOf(test);
    // Here, since what the group's tests need is there until its last one has ended.
    if (testsIn(group).at(-1) === test) await this.#tryAll(this.#usable.get(group) ?? []);
  }

  /** Runs a test as it is, to see how long it takes and which mutants are in code that it runs. */
  async #runFirst(test: RunnerTestCase): Promise<void> {
    const name = `${this.#plan.file}@${this.#plan.hash} ${pathOf(test)}`;
    if (this.#plan.unusable.includes(name)) return;
    const begun = performance.now();
    this.#switches.currentTestId = test.id;
    try {
      await TestRunner.getTestFn(test)();
    } catch (error) {
      this.#failed = true;
      return note(this.#plan.ledger, { kind: 'unusable', test: name, why: `it fails: ${firstLine(error)}` });
    } finally {
      this.#switches.currentTestId = undefined;
      await finish(test);
    }
    const milliseconds = performance.now() - begun;
    const limit = this.#plan.patienceMilliseconds + 5 * milliseconds;
    const ids = new Set(Object.keys(this.#switches.mutantCoverage?.perTest[test.id] ?? {}));
    const group = groupOf(test);
    const usable = { test, name, milliseconds, limit, ids, passesTwice: null };
    this.#usable.set(group, [...(this.#usable.get(group) ?? []), usable]);
  }

  /** Tries each mutant with the tests that run its code, the quickest first. */
  async #tryAll(tests: readonly Usable[]): Promise<void> {
    const quickest = [...tests].sort((left, right) => left.milliseconds - right.milliseconds);
    // The source's own first, then those that the fewest tests have passed with: they are the likeliest to be killed.
    const tried = ({ near, tests: passed }: Open) => (near ? -1 : passed.length);
    const own = [...this.#open].sort(([, left], [, right]) => tried(left) - tried(right));
    for (const [id, open] of own) {
      const passed = await this.#tryOne(id, open, quickest);
      if (passed.length === 0) continue;
      note(this.#plan.ledger, { kind: 'passed', mutant: open.key, tests: passed });
      if (this.#open.has(id)) this.#open.set(id, { ...open, tests: [...open.tests, ...passed] });
    }
  }

  /** The tests that pass with the mutant, as far as they were needed. */
  async #tryOne(id: string, open: Open, tests: readonly Usable[]): Promise<string[]> {
    const passed: string[] = [];
    for (const usable of tests) {
      const { near, tests: before } = open;
      if (
        !usable.ids.has(id) ||
        isTriedEnough(this.#plan, { near, tests: [...before, ...passed] }, usable.name)
      )
        continue;
      if (!this.#isInTime()) break;
      const killed = await this.#try(id, open.key, usable);
      if (killed) break;
      if (killed === false) passed.push(usable.name);
    }
    return passed;
  }

  /** Whether the test kills the mutant; null when it cannot say. */
  async #try(id: string, mutant: string, usable: Usable): Promise<boolean | null> {
    const { test, name, limit } = usable;
    const { file, ledger, progress } = this.#plan;
    if (usable.passesTwice === null) {
      usable.passesTwice = await this.#passes(test, limit);
      if (!usable.passesTwice) note(ledger, { kind: 'unusable', test: name, why: 'it does not pass twice' });
    }
    if (!usable.passesTwice) return null;
    note(progress, { kind: 'unclear', mutant, test: name, file });
    if (await this.#passes(test, limit, id)) return false;
    const how = this.#late ? 'timeout' : 'failed';
    if (!(await this.#passes(test, limit))) {
      note(ledger, { kind: 'unclear', mutant, test: name, file });
      // What else would be seen in this process says nothing, and what it has started may not come to an end.
      process.kill(process.pid, 'SIGKILL');
      return null;
    }
    // Once more, so that an unlucky moment is not taken for a killed mutant.
    if (await this.#passes(test, limit, id)) return false;
    note(ledger, { kind: 'killed', mutant, how, by: name });
    this.#open.delete(id);
    return true;
  }

  #isInTime(share = 1): boolean {
    const isInTime = performance.now() < 1000 * this.#plan.secondsPerFile * share;
    this.#complete &&= isInTime;
    return isInTime;
  }

  #late = false;

  /** Whether the test passes, with this mutant switched on or with none. */
  async #passes(test: RunnerTestCase, limit: number, mutant?: string): Promise<boolean> {
    this.#late = false;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#late = true;
        reject(new Error('it takes too long'));
      }, limit);
    });
    this.#switches.activeMutant = mutant;
    try {
      this.onBeforeTryTask(test, { retry: 0, repeats: 0 });
      await Promise.race([late, again(test)]);
      this.onAfterTryTask(test);
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
      this.#switches.activeMutant = undefined;
      await finish(test);
    }
  }

  override onAfterRunFiles(files: Parameters<TestRunner['onAfterRunFiles']>[0]): void {
    super.onAfterRunFiles(files);
    const outside = Object.keys(this.#switches.mutantCoverage?.static ?? {});
    note(this.#plan.ledger, {
      kind: 'done',
      file: `${this.#plan.file}@${this.#plan.hash}`,
      sound: !this.#failed && files.every(({ result }) => result?.state !== 'fail'),
      complete: this.#complete,
      mutants: [...this.#open.values()].map(({ key }) => key),
      outside: outside.flatMap((id) => this.#open.get(id)?.key ?? []),
    });
  }
}

/** Runs a test and what is to be done before it. */
async function again(test: RunnerTestCase): Promise<void> {
  for (const suite of suitesOf(test))
    for (const hook of TestRunner.getSuiteHooks(suite).beforeEach) await hook(test.context, suite);
  await TestRunner.getTestFn(test)();
}

/** Does what a test wanted to be done after it. */
async function finish(test: RunnerTestCase): Promise<void> {
  const asked = test as { onFinished?: (() => unknown)[] };
  for (const done of (asked.onFinished ?? []).toReversed())
    await Promise.resolve()
      .then(done)
      .catch(() => undefined);
  asked.onFinished = [];
}

/** The innermost suite of those that a test is in which takes something away at its end, or the file. */
function groupOf(test: RunnerTestCase): RunnerTestSuite {
  const closes = (suite: RunnerTestSuite) => TestRunner.getSuiteHooks(suite).afterAll.length > 0;
  return suitesOf(test).findLast(closes) ?? test.file;
}

/** The tests of a group, in the order in which they run. */
function testsIn(group: RunnerTestSuite): RunnerTestCase[] {
  const inside = (suite: RunnerTestSuite): RunnerTestCase[] =>
    suite.tasks.flatMap((task) =>
      task.type === 'suite' ? inside(task) : ['run', 'queued'].includes(task.mode) ? [task] : [],
    );
  return inside(group).filter((test) => groupOf(test) === group);
}

/** The suites that a test is in, the file first. */
function suitesOf(test: RunnerTestCase): RunnerTestSuite[] {
  const suites: RunnerTestSuite[] = [];
  for (let suite = test.suite; suite !== undefined; suite = suite.suite) suites.unshift(suite);
  return suites[0] === test.file ? suites : [test.file, ...suites];
}

function pathOf(test: RunnerTestCase): string {
  return [...suitesOf(test).slice(1), test].map(({ name }) => name).join(' > ');
}

function firstLine(error: unknown): string {
  return String((error as Error).message ?? error).split('\n')[0] ?? '';
}
