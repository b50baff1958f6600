import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MUTATED } from './mutants.ts';

/** Where most tests of the mutated folders are, the nearest first; those everywhere else come after them. */
const FOLDERS = [...MUTATED, 'contracts', 'self-service', 'http', 'delivery'];

/** What takes part in none of it, and why. */
const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/child_process|testing\/process\.ts|playwright/, 'starts programs, which have no mutants in them'],
  [/sign-in-model\//, 'takes minutes for a single run'],
];

/** A test file that can be tried, or why it is not. */
export interface TestFile {
  readonly path: string;
  readonly text: string;
  readonly leftOut: string | null;
}

/** The test files that mutants are tried with, the nearest first. */
export function testFiles(root: string, tree: readonly string[]): TestFile[] {
  return tree
    .filter((path) => path.startsWith('server/src/') && path.endsWith('.test.ts'))
    .sort((left, right) => distanceOf(left) - distanceOf(right))
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      const leftOut = LEFT_OUT.find(([pattern]) => pattern.test(text))?.[1] ?? null;
      return { path, text, leftOut };
    });
}

function distanceOf(path: string): number {
  const at = FOLDERS.indexOf(path.split('/')[2] ?? '');
  return at === -1 ? FOLDERS.length : at;
}

/** Whether a test file is a source's own. */
export function isNamedLike(source: string, test: string): boolean {
  return test.startsWith(`${source.slice(0, -'ts'.length)}`);
}

/** Puts the test files first that are named like the source, then those of its folder. */
export function nearestFirst(source: string, tests: readonly string[]): string[] {
  const folder = source.slice(0, source.lastIndexOf('/') + 1);
  const far = (test: string) => (isNamedLike(source, test) ? 0 : test.startsWith(folder) ? 1 : 2);
  return [...tests].sort((left, right) => far(left) - far(right));
}
