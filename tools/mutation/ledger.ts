import { appendFileSync, existsSync, readFileSync } from 'node:fs';

// What is known of mutants, a line for each thing that was seen, so that a run can be ended at any time and continued.

/** One thing that was seen. A test is known by the hash of its file, its own name, and the file's path. */
export type Entry =
  /** A test that passes without the mutant fails with it, or never ends. */
  | {
      readonly kind: 'killed';
      readonly mutant: string;
      readonly how: 'failed' | 'timeout';
      readonly by: string;
    }
  /** Tests ran through code that the mutant changes, and passed. */
  | { readonly kind: 'passed'; readonly mutant: string; readonly tests: readonly string[] }
  /** The test failed with the mutant, and without it afterwards: nothing is known before a fresh process tried. */
  | { readonly kind: 'unclear'; readonly mutant: string; readonly test: string; readonly file: string }
  /** A test that cannot tell: it fails without any mutant, or when it is run again, or takes too long. */
  | { readonly kind: 'unusable'; readonly test: string; readonly why: string }
  /** A test file was gone through. */
  | {
      readonly kind: 'done';
      readonly file: string;
      /** All its tests pass without a mutant. */
      readonly sound: boolean;
      /** No test was left for want of time. */
      readonly complete: boolean;
      readonly mutants: readonly string[];
      /** Those of them that are in code that it ran outside of its tests. */
      readonly outside: readonly string[];
    }
  /** A test file passed in a process of its own, with the mutant there from the beginning. */
  | { readonly kind: 'alone'; readonly mutant: string; readonly file: string };

/** What is known of the mutants. */
export interface Known {
  readonly killed: ReadonlyMap<string, { readonly how: 'failed' | 'timeout'; readonly by: string }>;
  /** The tests that each mutant's code was run by, without failing. */
  readonly passed: ReadonlyMap<string, ReadonlySet<string>>;
  readonly unclear: readonly { readonly mutant: string; readonly test: string; readonly file: string }[];
  readonly unusable: ReadonlyMap<string, string>;
  /** The test files that ran a mutant's code outside of their tests. */
  readonly outside: ReadonlyMap<string, ReadonlySet<string>>;
  /** Mutant and test file, a space between: gone through, or tried in a process of its own. */
  readonly gone: ReadonlySet<string>;
  readonly alone: ReadonlySet<string>;
  /** Test files that pass without a mutant. */
  readonly sound: ReadonlySet<string>;
  /** How many times a test file was gone through. */
  readonly finished: number;
  readonly last: Entry | null;
}

/** Adds what was seen. */
export function note(path: string, entry: Entry): void {
  appendFileSync(path, `${JSON.stringify(entry)}\n`);
}

/** Everything that was noted so far. */
export function readLedger(path: string): Known {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const entries = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Entry);
  const all = <K extends Entry['kind']>(kind: K) =>
    entries.filter((entry): entry is Extract<Entry, { kind: K }> => entry.kind === kind);
  const done = all('done');
  return {
    killed: new Map(all('killed').map((entry) => [entry.mutant, entry])),
    passed: grouped(
      all('passed').flatMap(({ mutant, tests }) => tests.map((test) => [mutant, test] as const)),
    ),
    unclear: all('unclear'),
    unusable: new Map(all('unusable').map(({ test, why }) => [test, why])),
    outside: grouped(done.flatMap(({ outside, file }) => outside.map((mutant) => [mutant, file] as const))),
    gone: new Set(
      done
        .filter(({ complete }) => complete)
        .flatMap(({ mutants, file }) => mutants.map((mutant) => `${mutant} ${file}`)),
    ),
    alone: new Set(all('alone').map(({ mutant, file }) => `${mutant} ${file}`)),
    sound: new Set(done.filter((entry) => entry.sound).map(({ file }) => file)),
    finished: done.length,
    last: entries.at(-1) ?? null,
  };
}

function grouped(pairs: readonly (readonly [string, string])[]): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const [key, value] of pairs) groups.set(key, (groups.get(key) ?? new Set()).add(value));
  return groups;
}
