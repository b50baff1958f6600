import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { outdatedDocuments } from './checks/generated-docs.ts';
import { houseRules, namingRules } from './checks/house-rules.ts';
import { importTable } from './checks/import-table.ts';
import { readEverySource, readSources } from './checks/source-files.ts';
import { unusedExports } from './checks/unused-exports.ts';

// Everything that can be said of the sources without running them. `--fix` mends what can be mended.

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const fix = process.argv.includes('--fix');

/** A tool of its own: what it prints is shown when it fails. */
function tool(program: string, args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(`node_modules/.bin/${program}`, args, {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return status === 0 ? [] : [stdout + stderr];
}

/** Colours are for people who look on, not for a log. */
const colours = process.stdout.isTTY ? [] : ['--colors=off'];

const checks: readonly (readonly [string, () => string[]])[] = [
  ['format, lint, sizes', () => tool('biome', [...(fix ? ['check', '--write'] : ['ci']), ...colours, '.'])],
  [
    'types',
    () => [
      ...tool('tsc', ['-b', 'server', 'client', 'verifier']),
      ...tool('tsc', ['-p', 'server/tsconfig.test.json']),
    ],
  ],
  ['import table', () => importTable(readSources(ROOT))],
  ['house rules', () => houseRules(readSources(ROOT))],
  ['names and their comments', () => namingRules(readEverySource(ROOT))],
  ['exported names that nobody imports', () => unusedExports(readEverySource(ROOT))],
  ['generated documents', () => outdatedDocuments(ROOT, fix)],
];

let failed = false;
for (const [name, check] of checks) {
  const begun = performance.now();
  const problems = check();
  failed ||= problems.length > 0;
  console.log(
    `${problems.length === 0 ? 'ok  ' : 'FAIL'}  ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`,
  );
  for (const problem of problems) console.log(`      ${problem.trimEnd().replaceAll('\n', '\n      ')}`);
}
process.exitCode = failed ? 1 : 0;
