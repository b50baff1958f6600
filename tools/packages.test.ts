import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installPacked, type PackedPackage } from './packed-package.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const PACKAGES = [
  { workspace: 'client', dependencies: [] },
  { workspace: 'verifier', dependencies: ['jose'] },
] as const;

describe.each(PACKAGES)('the package of the $workspace', ({ workspace, dependencies }) => {
  let packed: PackedPackage;
  beforeAll(() => {
    packed = installPacked(workspace, dependencies);
  });
  afterAll(() => packed.remove());

  const manifest = JSON.parse(readFileSync(join(ROOT, workspace, 'package.json'), 'utf8'));
  const read = (path: string) => readFileSync(join(packed.home, path), 'utf8');
  const entries: readonly [string, { types: string; default: string }][] = Object.entries(manifest.exports);

  test('has what it needs, and nothing of the workshop', () => {
    expect(packed.files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    for (const path of packed.files)
      expect(path).toMatch(/^(LICENSE|README\.md|package\.json|dist\/[\w/-]+\.(js|js\.map|d\.ts))$/);
    for (const [, { types, default: module }] of entries)
      expect(packed.files).toEqual(expect.arrayContaining([types.slice(2), module.slice(2)]));
    expect(read('LICENSE')).toBe(readFileSync(join(ROOT, 'LICENSE'), 'utf8'));
  });

  test('has maps that need no other file', () => {
    for (const path of packed.files.filter((each) => each.endsWith('.map')))
      expect(JSON.parse(read(path)).sourcesContent, path).toEqual([expect.any(String)]);
  });

  test('is built whenever it is packed', () => {
    expect(manifest.scripts.prepack).toBe('tsc -b');
  });

  test('says what it runs on and needs, as the README does', () => {
    const readme = read('README.md').replaceAll(/\s+/g, ' ');
    const [, version] = /^>=(\d+)$/.exec(manifest.engines.node) ?? [];
    expect(readme).toContain(`Node.js ${version} or later`);
    expect(Object.keys(manifest.dependencies ?? {})).toEqual(dependencies);
    expect(manifest).toMatchObject({ type: 'module', license: 'Apache-2.0', sideEffects: false });
  });

  test.each(entries.map(([path]) => path))('is imported, and required, as %s', (path) => {
    const name = join(manifest.name, path);
    writeFileSync(
      join(packed.directory, 'entry.mjs'),
      `import * as all from '${name}'; console.log(Object.keys(all).length > 0);`,
    );
    writeFileSync(
      join(packed.directory, 'entry.cjs'),
      `const all = require('${name}'); console.log(Object.keys(all).length > 0);`,
    );
    for (const file of ['entry.mjs', 'entry.cjs'])
      expect(execFileSync(process.execPath, [file], { cwd: packed.directory, encoding: 'utf8' })).toBe(
        'true\n',
      );
  });
});
