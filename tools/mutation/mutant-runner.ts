import { readFileSync } from 'node:fs';
import { type RunnerTestCase, type RunnerTestSuite, TestRunner } from 'vitest';
import { note } from './ledger.ts';
import type { Plan } from './trial.ts';

// Runs each test once as it is, to see which mutants are in code that it runs; then again with each of those switched on.
// The service that the test file started serves all of them: starting it anew for each would take a hundred times as long.

/** What the switches in the instrumented sources look at. */
interface Switches {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> };
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
  /** A test fails without a mutant after it was run with one: what else is seen in this process says nothing. */
  #spoilt = false;
  #failed = false;

  async runTask(test: RunnerTestCase): Promise<void> {
    if (this.#spoilt) return;
    const name = `${this.#plan.file}@${this.#plan.hash} ${pathOf(test)}`;
    if (this.#plan.unusable.includes(name)) return;
    const begun = { at: performance.now(), used: process.cpuUsage() };
    this.#switches.currentTestId = test.id;
    try {
      await TestRunner.getTestFn(test)();
    } catch (error) {
      this.#failed = true;
      note(this.#plan.ledger, { kind: 'unusable', test: name, why: `it fails here: ${firstLine(error)}` });
      return;
    } finally {
      this.#switches.currentTestId = undefined;
    }
    const { user, system } = process.cpuUsage(begun.used);
    const limit = this.#plan.patienceMilliseconds + 5 * (performance.now() - begun.at);
    await finish(test);
    const run = Object.keys(this.#switches.mutantCoverage?.perTest[test.id] ?? {});
    const mutants = run.filter((id) => this.#open.has(id) && !this.#triedWith(id, name));
    if (mutants.length === 0) return;
    if ((user + system) / 1000 > this.#plan.slowMilliseconds)
      return note(this.#plan.ledger, { kind: 'unusable', test: name, why: 'it takes too long' });
    if (!(await this.#passes(test, limit)))
      return note(this.#plan.ledger, { kind: 'unusable', test: name, why: 'it does not pass twice' });
    await this.#tryAll(mutants, test, name, limit);
  }

  /** Tries these mutants with one test. */
  async #tryAll(
    mutants: readonly string[],
    test: RunnerTestCase,
    name: string,
    limit: number,
  ): Promise<void> {
    const passed: string[] = [];
    const survived = (id: string) => {
      const known = this.#open.get(id);
      if (known === undefined) return;
      this.#open.set(id, { ...known, tests: [...known.tests, name] });
      passed.push(known.key);
    };
    for (const id of mutants) {
      const mutant = this.#open.get(id)?.key ?? '';
      note(this.#plan.progress, { kind: 'unclear', mutant, test: name, file: this.#plan.file });
      if (await this.#passes(test, limit, id)) {
        survived(id);
        continue;
      }
      const how = this.#late ? 'timeout' : 'failed';
      if (!(await this.#passes(test, limit))) {
        note(this.#plan.ledger, { kind: 'unclear', mutant, test: name, file: this.#plan.file });
        this.#spoilt = true;
        break;
      }
      // Once more, so that an unlucky moment is not taken for a killed mutant.
      if (await this.#passes(test, limit, id)) survived(id);
      else {
        note(this.#plan.ledger, { kind: 'killed', mutant, how, by: name });
        this.#open.delete(id);
      }
    }
    if (passed.length > 0) note(this.#plan.ledger, { kind: 'passed', mutants: passed, test: name });
  }

  /** Whether a mutant was tried with this test, or with as many as it is tried with. */
  #triedWith(id: string, name: string): boolean {
    const open = this.#open.get(id);
    if (open === undefined || open.tests.includes(name)) return true;
    if (open.near) return false;
    const { tests } = open;
    const here = tests.filter((test) => test.startsWith(`${this.#plan.file}@`)).length;
    return here >= this.#plan.testsPerFile || tests.length >= this.#plan.testsPerMutant;
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
    if (this.#spoilt) return;
    const outside = Object.keys(this.#switches.mutantCoverage?.static ?? {});
    note(this.#plan.ledger, {
      kind: 'done',
      file: `${this.#plan.file}@${this.#plan.hash}`,
      sound: !this.#failed && files.every(({ result }) => result?.state !== 'fail'),
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
