import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { installPacked, type PackedPackage } from '../../tools/packed-package.ts';
import { type RealServer, startRealServer } from '../testing/real-server.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const COMPILER = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));

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

/** What the blocks after the first are run with. */
const VERIFIER = `
import { createVerifier } from '@latchkey/verifier';
const revocations = { credential: process.env.LATCHKEY_CREDENTIAL ?? '' };
const verifier = createVerifier({ issuer: process.env.LATCHKEY_ISSUER ?? '', revocations });
await verifier.ready();
const token = process.env.TOKEN ?? '';
`;

/** The service around the lines for each framework: it says where it listens. */
const SERVICES: Readonly<Record<string, readonly [string, string]>> = {
  express: [
    "import express from 'express'; const app = express();",
    "const server = app.listen(0, '127.0.0.1', () => console.log(server.address()));",
  ],
  fastify: [
    "import fastify from 'fastify'; const app = fastify();",
    "app.get('/others', async () => ''); await app.listen({ port: 0 }); console.log(app.server.address());",
  ],
  hono: [
    "import { createServer } from 'node:http';",
    `const server = createServer(async (request, response) => {
      const { authorization } = request.headers;
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await app.fetch(new Request('http://service' + request.url, { headers }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    }).listen(0, '127.0.0.1', () => console.log(server.address()));`,
  ],
};

/** Of the person who signs in. */
const ROLE = 'Student';

/** The block in which something stands. */
function blockWith(text: string): string {
  return OTHERS.find((code) => code.includes(text)) ?? expect.fail(`no block has ${text}`);
}

describe('the README', () => {
  let server: RealServer;
  let packed: PackedPackage;
  beforeAll(async () => {
    packed = installPacked('verifier', ['jose', 'hono', 'fastify', 'express', '@types']);
    server = await startRealServer();
  });
  afterAll(async () => {
    packed.remove();
    await server.stop();
  });

  const place = (name: string, code: string): string => {
    const path = join(packed.directory, name);
    writeFileSync(path, code);
    return path;
  };
  const environment = (more: Readonly<Record<string, string>> = {}) => ({
    ...process.env,
    LATCHKEY_ISSUER: server.issuer,
    LATCHKEY_CREDENTIAL: server.credential,
    PORT: '0',
    ...more,
  });

  /** Runs a service. @returns what asks it with a token, or without one */
  async function startService(name: string, code: string) {
    const service = spawn(process.execPath, [place(name, code)], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void service.kill('SIGKILL'));
    const port = await new Promise<string>((resolve, reject) => {
      service.stdout.on('data', (said: Buffer) => resolve(/port: (\d+)/.exec(said.toString())?.[1] ?? ''));
      service.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
    });
    return async (path: string, token?: string): Promise<string> => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
      return `${answer.status} ${await answer.text()}`;
    };
  }

  /** Runs a program to its end; what it prints. */
  async function run(name: string, code: string, more: Readonly<Record<string, string>> = {}) {
    const program = spawn(process.execPath, [place(name, code)], {
      env: environment(more),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    program.stdout.on('data', (piece: Buffer) => {
      said += piece.toString();
    });
    const status = await new Promise((resolve) => program.once('exit', resolve));
    expect(status).toBe(0);
    return said;
  }

  test('begins with lines that work', async () => {
    const ask = await startService('first.mts', FIRST);
    const { access_token } = await server.signIn(1);
    expect(await ask('/', access_token)).toBe('200 hello 00000000-0000-4000-8000-000000000002\n');
    expect(await ask('/')).toContain('401 {"error":{"code":"missing"');
    await server.signOut(access_token);
    await expect.poll(() => ask('/', access_token)).toContain('401 {"error":{"code":"revoked"');
  });

  test('shows how a token is checked', async () => {
    const code = `${VERIFIER}${blockWith('TokenRefusedError')}\nverifier.close();`;
    const { access_token: token } = await server.signIn(0);
    expect(await run('verify.mts', code, { TOKEN: token })).toMatch(
      new RegExp(`^[\\w-]{36} is ${ROLE} until .+ 20\\d\\d .+, in the session [\\w-]{36}\n$`),
    );
    expect(await run('verify.mts', code, { TOKEN: 'a.b.c' })).toMatch(/^malformed the token is not/);
  });

  test.each(Object.keys(SERVICES))('shows lines for %s that work', async (framework) => {
    const [before = '', after = ''] = SERVICES[framework] ?? [];
    const lines = blockWith(`@latchkey/verifier/${framework}`);
    const ask = await startService(`${framework}.mts`, `${VERIFIER}${before}\n${lines}\n${after}`);
    const { access_token: token } = await server.signIn(0);
    expect(await ask('/reports', token)).toBe(`200 ${ROLE}`);
    expect(await ask('/reports')).toContain('401 {"error":{"code":"missing"');
    expect(await ask('/reports', 'a.b.c')).toContain('401 {"error":{"code":"malformed"');
    // Fastify's plugin is for every route, also those that come after it.
    if (framework === 'fastify') expect(await ask('/others')).toContain('401 ');
  });

  test('shows how old the news is', async () => {
    const shown = blockWith('staleness()');
    const names = /\{ (.+) \}/.exec(shown)?.[1] ?? '';
    const code = `${VERIFIER}${shown}\nconsole.log(JSON.stringify({ ${names} }));\nverifier.close();`;
    expect(JSON.parse(await run('staleness.mts', code))).toEqual({
      milliseconds: expect.any(Number),
      fresh: true,
      feed: 'live',
      revokedSessions: expect.any(Number),
      lastError: null,
    });
  });

  test('has types in all of its lines', () => {
    const names = [FIRST, ...OTHERS].map((code, index) => {
      const framework = /verifier\/(express|fastify)'/.exec(code)?.[1] ?? '';
      const given = index === 0 ? '' : `${APPS[framework] ?? ''}${GIVEN}`;
      place(`block-${index}.mts`, `${given}${code}\nexport {};`);
      return `block-${index}.mts`;
    });
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext'];
    const more = ['--target', 'es2023', '--types', 'node', '--skipLibCheck'];
    const checked = spawnSync(COMPILER, [...options, ...more, ...names], {
      cwd: packed.directory,
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
