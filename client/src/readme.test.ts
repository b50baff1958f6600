import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../server/testing/app.ts';
import { type Installed, installBuiltPackage } from '../testing/built-package.ts';

const README = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
const COMPILER = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));
const [FIRST = '', ...OTHERS] = [...README.matchAll(/^ *```ts\n([\s\S]*?)```/gm)].map(
  ([, code = '']) => code,
);

/** What the blocks after the first take as given. */
const GIVEN = `
declare const url: string, username: string, identity: string, password: string;
declare const client: import('@latchkey/client').LoginClient;
declare function askForCode(): Promise<string>;
`;

describe('the README', () => {
  let app: TestApp;
  let installed: Installed;
  beforeAll(async () => {
    app = await startApp('sqlite');
    installed = installBuiltPackage();
  });
  afterAll(async () => {
    await app.stop();
    installed.remove();
  });

  const place = (name: string, code: string) => {
    const path = join(installed.directory, name);
    writeFileSync(path, code);
    return path;
  };

  test('begins with lines that work', async () => {
    const ada = { username: 'ada', email: 'ada@example.com', password: 'correct horse battery staple' };
    await app.person(ada);
    const path = place('first.mts', FIRST.replace('http://127.0.0.1:8080', app.url));
    // Not waited for in one breath: the server is in this process.
    const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 });
    expect(stdout).toMatch(/^signed in as ada \(ada@example\.com\)\n200 \{\n {2}active: true,/);
  });

  test('has types in all of its lines', () => {
    const blocks = OTHERS.map((code) => (code.includes('import ') ? code : `{\n${code}\n}`));
    place('first.mts', FIRST);
    place('others.mts', `import { createClient } from '@latchkey/client';\n${GIVEN}\n${blocks.join('\n')}`);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', ''];
    const checked = spawnSync(COMPILER, [...options, 'first.mts', 'others.mts'], {
      cwd: installed.directory,
      encoding: 'utf8',
    });
    expect(checked.stdout + checked.stderr).toBe('');
    expect(OTHERS.length).toBeGreaterThan(1);
  });
});
