import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENGINES, freshStoreAddress, type TestStoreAddress } from '../server/testing/engines.ts';
import { type MailSink, startMailSink } from '../server/testing/mail-sink.ts';
import { makeWorkplace, type RunningServer, type Workplace } from '../server/testing/process.ts';
import { makeServerPackage, OPTIONAL, type ServerPackage } from './server-package.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PASSWORD = 'seven stones in a garden wall';
const PERMISSIVE = /^(MIT|MIT-0|Apache-2\.0|ISC|0BSD|BSD-[23]-Clause|Unlicense)$/;

/** The package in a folder where nothing is to be found but what it says that it needs. */
describe('the package of the server', () => {
  let directory: string;
  let home: string;
  let made: ServerPackage;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-package-'));
    const draft = join(directory, 'draft');
    made = await makeServerPackage(draft);
    const packed = execFileSync('npm', ['pack', '--json', '--loglevel=error'], {
      cwd: draft,
      encoding: 'utf8',
    });
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    home = join(directory, 'node_modules', 'latchkey');
    mkdirSync(home, { recursive: true });
    execFileSync('tar', ['-xzf', join(draft, filename), '-C', home, '--strip-components=1']);
    symlinkSync(join(ROOT, 'node_modules', '@node-rs'), join(directory, 'node_modules', '@node-rs'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const text = (path: string) => readFileSync(join(home, path), 'utf8');

  test('keeps the text of its files in one byte for each character', () => {
    const files = readdirSync(join(home, 'dist')).filter((file) => file.endsWith('.js'));
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) expect(text(`dist/${file}`), file).toMatch(/^\p{ASCII}*$/u);
    // What is escaped there is what was written.
    expect(text('dist/app.js')).toContain(String.raw`The contract\u2019s own answer.`);
  });

  test('asks for what its files import, in the versions that it was tested with', () => {
    const manifest = JSON.parse(text('package.json'));
    const workspace = JSON.parse(readFileSync(join(ROOT, 'server/package.json'), 'utf8'));
    const installed = made.imported.filter((name) => !OPTIONAL.some((each) => each === name));
    expect(Object.keys(manifest.dependencies).sort()).toEqual(installed.sort());
    expect(workspace.dependencies).toMatchObject(manifest.dependencies);
    expect(manifest).toMatchObject({ name: 'latchkey', version: workspace.version, license: 'Apache-2.0' });
    expect(manifest).not.toHaveProperty('scripts');
  });

  test('has no test, no source and no more than it needs', () => {
    const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    const paths = files.map((each) => join(each.parentPath, each.name));
    expect(paths.filter((path) => /\.(ts|map)$|\.(test|suite)\./.test(path))).toEqual([]);
    expect(paths.reduce((bytes, path) => bytes + statSync(path).size, 0)).toBeLessThan(12 * 1024 * 1024);
  });

  test('has a file for each thread that is started by the name of its own', () => {
    const sources = join(ROOT, 'server/src');
    const threads = readdirSync(sources, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) =>
        [...readFileSync(join(sources, path), 'utf8').matchAll(/new URL\(`\.\/([\w-]+)\$\{extname/g)].map(
          ([, name = '']) => join(dirname(path), `${name}.js`),
        ),
      );
    expect(threads.length).toBeGreaterThan(2);
    for (const path of threads) expect(text(join('dist', path))).toContain('import ');
  });

  test('names whatever is in its files, under licences that ask for no more than to be named', () => {
    const notices = text('THIRD-PARTY-LICENSES.txt');
    expect(made.bundled.length).toBeGreaterThan(50);
    for (const { name, version, licence } of made.bundled) {
      expect(licence, name).toMatch(PERMISSIVE);
      expect(notices).toContain(`${name} ${version} (${licence})`);
    }
    expect(notices).toContain('Permission is hereby granted, free of charge');
  });

  describe.each(ENGINES)('on %s', (engine) => {
    let store: TestStoreAddress;
    let mail: MailSink;
    let place: Workplace;
    let server: RunningServer;
    beforeAll(async () => {
      [store, mail] = [await freshStoreAddress(engine), await startMailSink()];
      place = makeWorkplace(
        {
          LATCHKEY_STORE_URL: store.url,
          LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
          LATCHKEY_MAIL_URL: mail.url,
        },
        join(home, 'bin', 'latchkey'),
      );
      expect(await place.run(['migrate'])).toMatchObject({ code: 0 });
      server = await place.serve();
    });
    afterAll(async () => {
      await server?.end('SIGTERM');
      place.remove();
      await mail.stop();
      store.remove();
    });

    const ask = async (path: string, body?: object, token?: string) => {
      const answer = await fetch(`${server.url}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };

    test('makes an account, refuses a password that everybody tries, and signs in by phone', async () => {
      const create = (password: string) =>
        place.run(
          ['account', 'create', '--phone', '+34 600 000 001', '--email', 'a@example.com', '--password-stdin'],
          { input: password },
        );
      expect(await create('password1234')).toMatchObject({ code: 1 });
      expect(await create(PASSWORD)).toMatchObject({ code: 0 });
      const signedIn = await ask('/v1/sign-in', { identifier: '0034600000001', password: PASSWORD });
      expect(signedIn.status).toBe(200);
      const session = await ask('/v1/session', undefined, String(signedIn.body.accessToken));
      expect(session.body).toMatchObject({ active: true });
    });

    test('loads what is rarely needed when it is', async () => {
      expect(await ask('/v1/passkeys/sign-in-options', {})).toMatchObject({ status: 200 });
      expect(await ask('/v1/password/forgot', { identifier: 'a@example.com' })).toMatchObject({
        status: 202,
      });
      expect((await mail.next('a@example.com')).recipients).toEqual(['a@example.com']);
    });

    test('says at a command line what is the matter', async () => {
      const doctor = await place.run(['doctor']);
      expect(doctor.stdout + doctor.stderr).toContain('schema');
      expect((await place.run(['--help'])).stdout).toContain('resource-server');
      expect(server.stderr()).toContain('listening on');
    });
  });

  test('takes no more memory than a server that does nothing needs', async () => {
    const place = makeWorkplace({}, join(home, 'bin', 'latchkey'));
    const server = await place.serve();
    const about = (file: string) => readFileSync(`/proc/${server.pid}/${file}`, 'utf8');
    expect(about('cmdline')).toContain('--max-semi-space-size=4');
    expect(about('environ')).toContain('MALLOC_ARENA_MAX=1');
    // Its own code and the store's writer: 96 MiB.
    expect(Number(/VmRSS:\s+(\d+)/.exec(about('status'))?.[1]) / 1024).toBeLessThan(116);
    await server.end('SIGTERM');
    place.remove();
  });

  test('counts on Redis, where there is one', async () => {
    const place = makeWorkplace(
      { LATCHKEY_LIMITS_URL: 'redis://127.0.0.1:1' },
      join(home, 'bin', 'latchkey'),
    );
    const server = await place.serve();
    await expect
      .poll(() => server.stdout(), { timeout: 10_000 })
      .toContain('the shared limits do not answer');
    expect(await server.end('SIGTERM')).toMatchObject({ code: 0 });
    place.remove();
  });
});
