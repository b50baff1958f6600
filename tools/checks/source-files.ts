import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** One source file. */
export interface SourceFile {
  /** Below `server/src`, or below the root where it is read from everywhere; with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** What is wrong with the sources, a line each: `path: what`. */
export type Check = (files: readonly SourceFile[]) => string[];

/** Every source file of the server, tests and suites included. */
export function readSources(root: string): SourceFile[] {
  return sourcesBelow(join(root, 'server', 'src'));
}

/** Every source file of every workspace, of the tools and of what tests start; paths from the root. */
export function readEverySource(root: string): SourceFile[] {
  return ['server', 'client', 'verifier', 'bench', 'tools', 'examples', 'conformance'].flatMap((folder) =>
    sourcesBelow(join(root, folder)).map(({ path, text }) => ({ path: `${folder}/${path}`, text })),
  );
}

/** What was made, installed or stored, and is no source. */
const NOT_SOURCES = /(^|\/)(node_modules|dist|data)\//;

function sourcesBelow(base: string): SourceFile[] {
  return readdirSync(base, { recursive: true, encoding: 'utf8' })
    .map((path) => path.split('\\').join('/'))
    .filter((path) => path.endsWith('.ts') && !NOT_SOURCES.test(path))
    .map((path) => ({ path, text: readFileSync(join(base, path), 'utf8') }))
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
