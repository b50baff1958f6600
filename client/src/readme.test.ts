import { execFile, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../server/testing/app.ts';
import { installPacked, type PackedPackage } from '../../tools/packed-package.ts';

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

/** The same for a program that is run: codes are read from its input. */
function programFor(url: string, contract: string, { username, email, password }: Person): string {
  const given = { url, username, identity: email, password };
  return `import { createInterface } from 'node:readline/promises';
import { createClient } from '@latchkey/client';
const { url, username, identity, password } = ${JSON.stringify(given)};
const client = createClient({ url, contract: '${contract}' });
const lines = createInterface({ input: process.stdin });
const askForCode = (): Promise<string> => {
  process.stdout.write('code? ');
  return new Promise((resolve) => lines.once('line', resolve));
};
`;
}

const TOLD = '\nconsole.log(result.kind);\nlines.close();\n';

/** The block in which something stands. */
function blockWith(text: string): string {
  return OTHERS.find((code) => code.includes(text)) ?? expect.fail(`no block has ${text}`);
}

describe('the README', () => {
  let app: TestApp;
  let installed: PackedPackage;
  beforeAll(async () => {
    app = await startApp('sqlite');
    installed = installPacked('client');
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

  test('shows how a step is gone through, a wrong code and all', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const path = place(
      'steps.mts',
      `${programFor(app.url, 'login', person)}${blockWith('askForCode')}${TOLD}`,
    );
    // The code goes in when it is asked for: a wrong one first.
    const program = spawn(process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    program.stdout.on('data', async (piece: Buffer) => {
      said += piece.toString();
      if (said.endsWith('code? '))
        program.stdin.write(`${said === 'code? ' ? '000000' : await app.mail.code(person.email)}\n`);
    });
    expect(await new Promise((resolve) => program.once('exit', resolve))).toBe(0);
    expect(said).toBe('code? code? signed-in\n');
  });

  test('shows how a role is picked', async () => {
    const person = await app.person();
    const path = place(
      'roles.mts',
      `${programFor(app.url, 'role-picker', person).replace(/const client.*/, '')}${blockWith('client.pick')}${TOLD}`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 });
    expect(stdout).toBe('signed-in\n');
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
