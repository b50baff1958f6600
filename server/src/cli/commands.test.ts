import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { makeWorkplace, PROGRAM, type Workplace } from '../../testing/process.ts';
import { createProgram } from './program.ts';

/** Every command there is, by the words that call it. */
function commandsBelow(parent: Command, words: readonly string[] = []): (readonly [string, Command])[] {
  return parent.commands.flatMap((each) => {
    const path = [...words, each.name()];
    return [[path.join(' '), each] as const, ...commandsBelow(each, path)];
  });
}

const program = await createProgram();

describe('the commands', () => {
  const commands = commandsBelow(program);

  test('are there by the names that scripts know', () => {
    expect(commands.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        ...['serve', 'demo', 'migrate', 'import', 'export', 'audit', 'contract list', 'doctor'],
        ...['list', 'show', 'create', 'disable', 'enable', 'unlock', 'sign-out'].map(
          (each) => `account ${each}`,
        ),
        ...['list', 'add', 'remove'].map((each) => `membership ${each}`),
        ...['list', 'show', 'suspend', 'resume'].map((each) => `organisation ${each}`),
        ...['list', 'disable', 'enable', 'unlock'].map((each) => `installation ${each}`),
        ...['list', 'rotate'].map((each) => `key ${each}`),
      ]),
    );
  });

  test.each(commands)(
    '%s takes a configuration, and says what it takes with exit code 0',
    async (name, command) => {
      let said = '';
      command.configureOutput({
        writeOut: (text) => {
          said += text;
        },
      });
      await expect(command.parseAsync(['node', 'latchkey', '--help'])).rejects.toMatchObject({ exitCode: 0 });
      expect(said).toMatch(new RegExp(`^Usage: latchkey ${name} \\[options\\]`));
      expect(said).toContain('--config <file>');
    },
  );

  test.each(commands.filter(([name]) => / (list|show)$|^(audit|doctor)$/.test(name)))(
    '%s has its data in JSON too',
    (_name, command) => {
      expect(command.options.map(({ long }) => long)).toContain('--json');
    },
  );
});

describe('with a configuration that is not there', { timeout: 120_000 }, () => {
  let work: Workplace;
  beforeAll(() => {
    work = makeWorkplace();
  });
  afterAll(() => work.remove());
  const runnable = commandsBelow(program).filter(
    ([name, { commands }]) => commands.length === 0 || name === 'audit',
  );

  test.each(runnable)('%s refuses it, wherever it is named', async (name, command) => {
    const words = name.split(' ');
    const given = [
      ...command.registeredArguments.map(({ argChoices }) => argChoices?.[0] ?? 'x'),
      ...command.options.flatMap(({ mandatory, long }) => (mandatory && long ? [long] : [])),
    ];
    const named = ['--config', 'none.json'];
    const answers = await Promise.all([
      work.run([...words, ...given, ...named], { kill: AbortSignal.timeout(60_000) }),
      work.run([...words.slice(0, 1), ...named, ...words.slice(1), ...given], {
        kill: AbortSignal.timeout(60_000),
      }),
    ]);
    for (const { code, stdout, stderr } of answers) {
      expect(stdout + stderr).toMatch(/cannot read the configuration \S+none\.json: /);
      expect(code).toBe(1);
    }
    expect(existsSync(join(work.directory, 'data'))).toBe(false);
  });
});

describe('beside a server', { timeout: 120_000 }, () => {
  let work: Workplace;
  beforeAll(async () => {
    work = makeWorkplace({ LATCHKEY_SIGN_IN_MAX_FAILURES: '2', LATCHKEY_SIGN_IN_LOCK_SECONDS: '900' });
    const ada = {
      kind: 'account',
      id: uuid(1),
      username: 'ada',
      email: 'ada@example.com',
      password: 'ada’s password',
    };
    const eve = { kind: 'account', id: uuid(2), username: 'eve', password: 'the password of eve' };
    const given = [ada, eve].map((line) => JSON.stringify(line)).join('\n');
    expect((await work.run(['import', '-'], { input: given })).code).toBe(0);
  });
  afterAll(() => work.remove());

  test('`account show` says when and why one is waiting, `audit --follow` tells what happens as it does', async () => {
    const server = await work.serve();
    const follower = spawn(PROGRAM, ['audit', '--follow', '--json', '--account', 'ada', '--since', '1h'], {
      cwd: work.directory,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let told = '';
    follower.stdout.on('data', (piece: Buffer) => {
      told += piece.toString();
    });
    const until = async (pattern: RegExp) => {
      while (!pattern.test(told)) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const signIn = async (username: string, password: string) =>
      (
        await fetch(`${server.url}/identity/sign-in`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-fingerprint-id': 'device' },
          body: JSON.stringify({ username, password }),
        })
      ).status;
    await signIn('eve', 'a wrong password');
    await signIn('ada', 'a wrong password');
    await until(/"reason":"wrong-password"/);
    await signIn('ada@example.com', 'a wrong password');
    await until(/wrong-password[\s\S]*wrong-password/);

    const shown = JSON.parse((await work.run(['account', 'show', 'ada', '--json'])).stdout);
    expect(shown).toMatchObject({
      locked: null,
      waiting: { password: { until: expect.stringMatching(/^\d{4}-.*Z$/), failures: 2 }, secondFactor: null },
    });
    expect(Date.parse(shown.waiting.password.until)).toBeGreaterThan(Date.now());
    const { until: end } = shown.waiting.password;
    expect((await work.run(['account', 'show', 'ada'])).stdout).toMatch(
      new RegExp(`^waiting +until ${end}: 2 failures$`, 'm'),
    );
    expect(await signIn('ada', 'ada’s password')).toBe(429);
    expect((await work.run(['account', 'unlock', 'ada'])).code).toBe(0);
    await until(/"event":"account.unlocked"/);
    expect(await signIn('ada', 'ada’s password')).toBe(200);
    await until(/"event":"sign-in.completed"/);

    const ended = new Promise((resolve) => follower.once('exit', resolve));
    follower.kill('SIGINT');
    expect(await ended).toBe(0);
    const events = told
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { accountId: string });
    expect(events.every(({ accountId }) => accountId === uuid(1))).toBe(true);
    expect((await server.end('SIGTERM')).code).toBe(0);
  });

  test('`installation disable` ends what one has and lets it in no more, until it is enabled', async () => {
    const data = { installationId: 'kiosk-in-the-hall'.padEnd(32, '.'), password: 'x'.repeat(32) };
    const bound = { ...data, installationId: 'phone-of-ada'.padEnd(32, '.'), account: uuid(1) };
    const given = [data, bound].map((line) => JSON.stringify({ kind: 'installation', ...line })).join('\n');
    expect((await work.run(['import', '-'], { input: given })).code).toBe(0);
    const rows = [
      { installationId: data.installationId, account: null, status: 'active' },
      { installationId: bound.installationId, account: uuid(1), status: 'active' },
    ];
    const list = async () => JSON.parse((await work.run(['installation', 'list', '--json'])).stdout);
    expect(await list()).toEqual(rows);

    const server = await work.serve();
    const signIn = () =>
      fetch(`${server.url}/api/v1/auth/sign-in`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'mobile-device', data }),
      });
    const { authorization } = (await (await signIn()).json()) as { authorization: { token: string } };
    const isIn = async () => {
      const headers = { authorization: `Bearer ${authorization.token}` };
      return (await fetch(`${server.url}/v1/session`, { headers })).status === 200;
    };
    expect(await isIn()).toBe(true);
    expect((await work.run(['installation', 'disable', data.installationId])).stderr).toContain(
      'is disabled',
    );
    expect([await isIn(), (await signIn()).status]).toEqual([false, 400]);
    expect(await list()).toEqual([{ ...rows[0], status: 'inactive' }, rows[1]]);
    expect((await work.run(['installation', 'disable', data.installationId])).stderr).toContain(
      'was already',
    );
    expect((await work.run(['installation', 'enable', data.installationId])).code).toBe(0);
    // What was issued before stays ended.
    expect([await isIn(), (await signIn()).status]).toEqual([false, 200]);
    const unknown = await work.run(['installation', 'disable', 'nobody']);
    expect([unknown.code, unknown.stderr.trim()]).toEqual([1, 'latchkey: there is no installation nobody']);
    const events = await work.run(['audit', '--json']);
    expect(events.stdout.match(/installation\.(?:disabled|enabled)/g)).toEqual([
      'installation.disabled',
      'installation.enabled',
    ]);

    const replace = (id: string, input: string, ...more: string[]) =>
      work.run(['installation', 'password', id, '--password-stdin', ...more], { input });
    const another = 'the kiosk has a password that is another one';
    expect((await replace(data.installationId, another)).stderr).toContain('good for 86400 s more');
    expect((await signIn()).status).toBe(200);
    const last = 'the kiosk has a password that is the last one';
    expect((await replace(data.installationId, last, '--overlap-seconds', '0')).stderr).toContain('is void');
    expect((await signIn()).status).toBe(400);
    expect((await replace('nobody', last)).stderr.trim()).toBe('latchkey: there is no installation nobody');
    expect((await replace(data.installationId, 'short')).stderr).toContain('must have 32 to 256 characters');
    expect((await replace(data.installationId, last, '--overlap-seconds', '-1')).code).not.toBe(0);
    expect((await server.end('SIGTERM')).code).toBe(0);
  });

  test('`installation unlock` ends the wait of one that failed too often', async () => {
    const data = { installationId: 'door-of-the-lab'.padEnd(32, '.'), password: 'y'.repeat(32) };
    const input = JSON.stringify({ kind: 'installation', ...data });
    expect((await work.run(['import', '-'], { input })).code).toBe(0);
    const server = await work.serve();
    const signIn = async (password: string) => {
      const answer = await fetch(`${server.url}/api/v1/auth/sign-in`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'mobile-device', data: { ...data, password } }),
      });
      return answer.status;
    };
    await Promise.all(Array.from({ length: 10 }, () => signIn('z'.repeat(32))));
    expect(await signIn(data.password)).toBe(429);
    const unlocked = await work.run(['installation', 'unlock', data.installationId]);
    expect([unlocked.code, unlocked.stderr.trim()]).toEqual([0, `${data.installationId} is unlocked`]);
    expect(await signIn(data.password)).toBe(200);
    const unknown = await work.run(['installation', 'unlock', 'nobody']);
    expect([unknown.code, unknown.stderr.trim()]).toEqual([1, 'latchkey: there is no installation nobody']);
    const events = (await work.run(['audit', '--json'])).stdout;
    expect(events.match(/"event":"installation.unlocked"/g)).toHaveLength(1);
    expect((await server.end('SIGTERM')).code).toBe(0);
  });

  test('`doctor` tells each mistake of a configuration by itself', async () => {
    const { code, stdout } = await work.run(['doctor'], {
      environment: { LATCHKEY_LISTEN_PORT: 'x', LATCHKEY_NONSENSE: '1' },
    });
    expect(code).toBe(1);
    expect(stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^fail {2}configuration {2}LATCHKEY_NONSENSE is not a known setting$/),
      expect.stringMatching(
        /^fail {2}configuration {2}listen\.port: must be integer \(LATCHKEY_LISTEN_PORT\)$/,
      ),
    ]);
  });
});
