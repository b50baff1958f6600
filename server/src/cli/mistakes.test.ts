import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { createDatabase, freePort } from '../../testing/postgres.ts';
import { makeWorkplace, type Workplace } from '../../testing/process.ts';

const SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64');
const DIRECTORY = [
  { kind: 'organisation', id: uuid(1), name: 'University', settings: { maxFailedSignInAttempts: 2 } },
  { kind: 'role', name: 'Student', permissions: ['learn'] },
  {
    kind: 'account',
    id: uuid(2),
    username: 'ada',
    email: 'ada@example.com',
    password: 'the password of ada',
    emailValidated: true,
    organisation: uuid(1),
  },
]
  .map((line) => JSON.stringify(line))
  .join('\n');

const _post = async (url: string, body: object) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

// Each command is a process of its own: slow where the machine has other work.
describe('what cannot work is said in one line:', { timeout: 120_000 }, () => {
  const workplaces: Workplace[] = [];
  const make = (settings: Record<string, string> = {}) => {
    const work = makeWorkplace(settings);
    workplaces.push(work);
    return work;
  };
  afterAll(() => {
    for (const work of workplaces) work.remove();
  });
  const oneLine = ({ code, stderr }: { code: number | null; stderr: string }, pattern: RegExp) => {
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(pattern);
  };

  test('a port that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const port = String((taken.address() as AddressInfo).port);
    oneLine(
      await make({ LATCHKEY_LISTEN_PORT: port }).run(['serve']),
      /^latchkey: cannot listen on 127\.0\.0\.1:\d+: the port is taken\. .*listen\.port/,
    );
    taken.close();
  });

  test('an address that is not there', async () => {
    oneLine(
      await make({ LATCHKEY_LISTEN_HOST: '192.0.2.1' }).run(['serve']),
      /this machine has no such address/,
    );
  });

  test('a store that cannot be opened', async () => {
    const work = make();
    writeFileSync(join(work.directory, 'file'), 'x');
    oneLine(
      await work.run(['serve'], { environment: { LATCHKEY_STORE_URL: 'sqlite:./file/below.db' } }),
      /^latchkey: cannot open the store .*store\.url/,
    );
    writeFileSync(
      join(work.directory, 'not-a.db'),
      'this is no database at all, it is only text, and long enough',
    );
    oneLine(
      await work.run(['serve'], { environment: { LATCHKEY_STORE_URL: 'sqlite:./not-a.db' } }),
      /^latchkey: cannot open the store .*not a database/,
    );
  });

  test('a store whose folder cannot be made', async () => {
    oneLine(
      await make().run(['serve'], {
        environment: { LATCHKEY_STORE_URL: 'sqlite:/proc/none/below/store.db' },
      }),
      /^latchkey: cannot open the store \/proc\/none\/below\/store\.db: .*store\.url/,
    );
  });

  test('a key file that cannot be made', async () => {
    const work = make({ LATCHKEY_STORE_URL: 'sqlite:./store.db' });
    // A link to nowhere is no file that can be read, and none that can be made.
    symlinkSync('nowhere/at/all', join(work.directory, 'data'));
    oneLine(await work.run(['serve']), /^latchkey: cannot make data\/secret\.key: .*secrets\.key/);
  });

  test('a store that was made with another secret', async () => {
    const work = make({ LATCHKEY_SECRETS_KEY: SECRET });
    await work.run(['import', '-'], { input: DIRECTORY });
    const other = Buffer.from(SECRET, 'base64').reverse().toString('base64');
    oneLine(
      await work.run(['serve'], { environment: { LATCHKEY_SECRETS_KEY: other } }),
      /made with another secrets\.key/,
    );
  });

  test('a PostgreSQL server that is away, or lets us not in', async () => {
    const url = `postgres://user:secret@127.0.0.1:${await freePort()}/db`;
    const answer = await make({ LATCHKEY_STORE_URL: url, LATCHKEY_SECRETS_KEY: SECRET }).run(['serve']);
    oneLine(
      answer,
      /^latchkey: cannot reach the store at postgres:\/\/127\.0\.0\.1:\d+\/db: .*Check store\.url/,
    );
    expect(answer.stderr).not.toContain('secret');
    const missing = inject('postgresUrl').replace(/\/[^/]*$/, '/no_such_database');
    oneLine(
      await make({ LATCHKEY_STORE_URL: missing, LATCHKEY_SECRETS_KEY: SECRET }).run(['serve']),
      /refused the connection: .*does not exist/,
    );
  });

  test('a schema that is older, or newer', { timeout: 90_000 }, async () => {
    const url = await createDatabase(inject('postgresUrl'));
    const work = make({ LATCHKEY_STORE_URL: url, LATCHKEY_SECRETS_KEY: SECRET });
    oneLine(await work.run(['serve']), /schema is version 0, this program needs \d+\. Run: latchkey migrate/);
    const applied = await Promise.all([work.run(['migrate']), work.run(['migrate'])]);
    expect(applied.map(({ code }) => code)).toEqual([0, 0]);
    expect(await work.run(['migrate'])).toMatchObject({ code: 0, stderr: 'the schema is up to date\n' });
    const server = await work.serve();
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    expect((await server.end('SIGTERM')).code).toBe(0);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("INSERT INTO schema_migrations VALUES (9999, 'from-the-future', 0)");
    oneLine(await work.run(['serve']), /schema is version 9999, newer than this program's/);
    await client.query('UPDATE schema_migrations SET expands = 1 WHERE version = 9999');
    await client.end();
    expect(await work.run(['migrate'])).toMatchObject({ code: 0, stderr: 'the schema is up to date\n' });
    const doctor = await work.run(['doctor', '--json']);
    expect(doctor.stdout).toContain('schema newer, and this version can live with that (from-the-future)');
    const older = await work.serve();
    expect((await fetch(`${older.url}/readyz`)).status).toBe(200);
    const { code, stdout } = await older.end('SIGTERM');
    expect(code).toBe(0);
    expect(stdout).toContain('the schema is newer than this version, which can live with that');
  });

  test('a configuration with mistakes, all of them', async () => {
    const { code, stderr } = await make().run(['serve'], {
      environment: { LATCHKEY_LISTEN_PORT: 'x', LATCHKEY_NONSENSE: '1', LATCHKEY_SIGN_IN_MAX_FAILURES: '0' },
    });
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(3);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
