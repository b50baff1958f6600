import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** One source file of the server. */
export interface SourceFile {
  /** Below `server/src`, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** What is wrong with the sources, a line each: `path: what`. */
export type Check = (files: readonly SourceFile[]) => string[];

/** Every source file of the server, tests and suites included. */
export function readSources(root: string): SourceFile[] {
  const base = join(root, 'server', 'src');
  return readdirSync(base, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path: path.split('\\').join('/'), text: readFileSync(join(base, path), 'utf8') }))
    .sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** Whether a file is a test, or a suite that tests run. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.suite.ts');
}

/** What a file imports: files of the server by their path below `server/src`, everything else by its name. */
export function importsOf(file: SourceFile): string[] {
  const found = file.text.matchAll(
    /^(?:import|export)\b[^;'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...found].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    return name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(file.path), name)) : name;
  });
}
