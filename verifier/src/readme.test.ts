import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type RealServer, startRealServer } from '../testing/real-server.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const COMPILER = join(MODULES, '.bin', 'tsc');

const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
const [FIRST = '', ...OTHERS] = [...README.matchAll(/^```ts\n([\s\S]*?)```/gm)].map(([, code = '']) => code);

/** What the blocks after the first take as given. */
const GIVEN = `
declare const verifier: import('@latchkey/verifier').Verifier;
declare const token: string;
`;
const APPS: Readonly<Record<string, string>> = {
  // Express brings no types: as much of them as the lines need.
  express: `import type { IncomingMessage } from 'node:http';
    interface Answer { status(code: number): this; set(fields: object): this; json(body: unknown): this; send(text: string): this }
    declare const app: {
      use(path: string, handler: (req: IncomingMessage, res: Answer, next: (error?: unknown) => void) => unknown): void;
      get(path: string, handler: (req: IncomingMessage, res: Answer) => unknown): void;
    };`,
  fastify: "import type { FastifyInstance } from 'fastify'; declare const app: FastifyInstance;",
};

/** Builds the package and installs it as it would be published, in a folder of its own. */
function install(): string {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-verifier-'));
  const home = join(directory, 'node_modules', '@latchkey', 'verifier');
  mkdirSync(home, { recursive: true });
  copyFileSync(join(PACKAGE, 'package.json'), join(home, 'package.json'));
  const options = ['--outDir', join(home, 'dist'), '--composite', 'false', '--incremental', 'false'];
  execFileSync(COMPILER, ['-p', PACKAGE, ...options]);
  for (const name of ['jose', 'hono', 'fastify', '@types'])
    symlinkSync(join(MODULES, name), join(directory, 'node_modules', name));
  return directory;
}

describe('the README', () => {
  let server: RealServer;
  let directory = '';
  beforeAll(async () => {
    directory = install();
    server = await startRealServer();
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await server.stop();
  });

  test('begins with lines that work', async () => {
    const path = join(directory, 'first.mts');
    writeFileSync(path, FIRST);
    const env = {
      ...process.env,
      LATCHKEY_ISSUER: server.issuer,
      LATCHKEY_CREDENTIAL: server.credential,
      PORT: '0',
    };
    const service = spawn(process.execPath, [path], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void service.kill('SIGKILL'));
    const port = await new Promise<string>((resolve) => {
      service.stdout.on('data', (said: Buffer) => resolve(/port: (\d+)/.exec(said.toString())?.[1] ?? ''));
    });
    const ask = async (token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const answer = await fetch(`http://127.0.0.1:${port}/`, { headers });
      return `${answer.status} ${await answer.text()}`;
    };
    const { access_token } = await server.signIn(1);
    expect(await ask(access_token)).toBe('200 hello 00000000-0000-4000-8000-000000000002\n');
    expect(await ask()).toContain('401 {"error":{"code":"missing"');
    await server.signOut(access_token);
    await expect.poll(() => ask(access_token)).toContain('401 {"error":{"code":"revoked"');
  });

  test('has types in all of its lines', () => {
    const names = [FIRST, ...OTHERS].map((code, index) => {
      const framework = /verifier\/(express|fastify)'/.exec(code)?.[1] ?? '';
      const given = index === 0 ? '' : `${APPS[framework] ?? ''}${GIVEN}`;
      writeFileSync(join(directory, `block-${index}.mts`), `${given}${code}\nexport {};`);
      return `block-${index}.mts`;
    });
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext'];
    const more = ['--target', 'es2023', '--types', 'node', '--skipLibCheck'];
    const checked = spawnSync(COMPILER, [...options, ...more, ...names], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(checked.stdout + checked.stderr).toBe('');
    expect(names.length).toBeGreaterThan(5);
  });

  test('lists every reason to refuse a token', async () => {
    const { MESSAGES } = await import('./refusal.ts');
    const rows = [...README.matchAll(/^\| (`[^|]+`) \|[^|]+\| (\d{3}) \|$/gm)].flatMap(
      ([, names = '', status]) =>
        [...names.matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => [name, Number(status)] as const),
    );
    const expected = Object.keys(MESSAGES).map((name) => [name, name === 'unavailable' ? 503 : 401]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected));
  });
});
