import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

// Follows the walk-through of CONTRIBUTING, word for word, in a copy of the repository.
let copy = '';
let output = '';
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'latchkey-contract-'));
  for (const path of ['server', 'examples', 'tsconfig.base.json']) {
    cpSync(join(ROOT, path), join(copy, path), {
      recursive: true,
      filter: (source) => !/\/(dist|node_modules|data)$|\.tsbuildinfo$/.test(source),
    });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  writeFileSync(join(copy, 'vitest.config.ts'), 'export default {};\n');
  const script = /<!-- walk-through -->\n```sh\n([\s\S]*?)```/.exec(
    readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8'),
  )?.[1];
  if (script === undefined) throw new Error('CONTRIBUTING has no walk-through');
  output = execFileSync('sh', ['-e', '-c', script], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, CI: '', NO_COLOR: '1' },
  });
}, 120_000);
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('the shared suite takes the new contract up and is content with it', () => {
  expect(output).toMatch(/Tests +\d+ passed/);
  expect(
    JSON.parse(readFileSync(join(copy, 'server/src/contracts/kiosk/vectors/replies.json'), 'utf8')),
  ).toMatchObject({ throttled: { status: 429 } });
});

test('one folder and one line are all that it took', () => {
  expect(readFileSync(join(copy, 'server/src/contracts/index.ts'), 'utf8')).toMatch(
    /credentialType, login, kiosk\]/,
  );
});

test('it is listed, described and served, behind the same corridor as the others', async () => {
  const main = join(copy, 'server/dist/main.js');
  const environment = {
    ...process.env,
    LATCHKEY_MOUNTS: '[{"contract":"kiosk"}]',
    LATCHKEY_LISTEN_PORT: '0',
    LATCHKEY_SIGN_IN_MAX_FAILURES: '2',
  };
  const run = (args: string[], input = '') =>
    execFileSync(process.execPath, [main, ...args], {
      cwd: copy,
      env: environment,
      encoding: 'utf8',
      input,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  expect(run(['contract', 'list'])).toContain('POST /kiosk/open');
  run(
    ['import', '-'],
    JSON.stringify({
      kind: 'account',
      id: '00000000-0000-4000-8000-000000000001',
      username: 'ada',
      password: 'a long password',
      user: { name: 'Ada' },
    }),
  );

  const server = spawn(process.execPath, [main, 'serve'], {
    cwd: copy,
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const url = await new Promise<string>((resolve) =>
      server.stderr.on('data', (piece: Buffer) => resolve(/http:\S+/.exec(piece.toString())?.[0] ?? '')),
    );
    const open = async (secret: string) => {
      const response = await fetch(`${url}/kiosk/open`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ badge: 'ADA', secret }),
      });
      return { status: response.status, body: await response.json() };
    };
    expect(await open('a long password')).toEqual({
      status: 200,
      body: { ok: true, pass: expect.any(String), greeting: 'Hello Ada' },
    });
    expect(
      [await open('wrong'), await open('wrong'), await open('a long password')].map(({ status }) => status),
    ).toEqual([403, 403, 429]);
    expect(await (await fetch(`${url}/openapi.json`)).text()).toContain('/kiosk/open');
    const wrongMethod = await fetch(`${url}/kiosk/open`);
    expect([wrongMethod.status, await wrongMethod.json()]).toEqual([
      405,
      { ok: false, why: 'method-not-allowed' },
    ]);
  } finally {
    server.kill();
    await new Promise((resolve) => server.once('exit', resolve));
  }
});
