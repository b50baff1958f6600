import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type MailSink, startMailSink } from '../../testing/mail-sink.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { makeWorkplace, type RunningServer, type Workplace } from '../../testing/process.ts';
import { longCode } from '../../testing/recovery.ts';
import { remoteServer } from '../../testing/remote.ts';

const PASSWORD = 'the password of ada';
const DIRECTORY = [
  {
    kind: 'account',
    id: uuid(1),
    username: 'ada',
    email: 'ada@example.com',
    emailValidated: true,
    password: PASSWORD,
    recogniseDevices: true,
    devices: ['laptop', 'phone'],
  },
  { kind: 'account', id: uuid(2), username: 'ben', password: PASSWORD },
  {
    kind: 'account',
    id: uuid(4),
    username: 'zoe',
    password: PASSWORD,
    recogniseDevices: true,
    devices: ['tablet'],
  },
  { kind: 'account', id: uuid(3), username: 'eve', email: 'eve@example.com', status: 'inactive' },
]
  .map((line) => JSON.stringify(line))
  .join('\n');

describe.each(ENGINES)('what operators do for owners on %s', (engine) => {
  let work: Workplace;
  let server: RunningServer;
  let sink: MailSink;
  beforeAll(async () => {
    sink = await startMailSink();
    work = makeWorkplace({
      ...(engine === 'postgres' ? { LATCHKEY_STORE_URL: await createDatabase(inject('postgresUrl')) } : {}),
      LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
      LATCHKEY_MAIL_URL: sink.url,
    });
    await work.run(['migrate']);
    expect((await work.run(['import', '-'], { input: DIRECTORY })).code).toBe(0);
    server = await work.serve();
  });
  afterAll(async () => {
    await server.end('SIGTERM');
    work.remove();
    await sink.stop();
  });

  const standing = async (fingerprint: string) => {
    const { body } = await remoteServer(server.url).post(
      '/identity/sign-in',
      { username: 'ada', password: PASSWORD },
      { 'x-fingerprint-id': fingerprint },
    );
    return body.data.observation.code;
  };
  test('TH-6: unlock ends the wait of an account and of its devices', { timeout: 120_000 }, async () => {
    const signIn = async (password: string) =>
      (
        await remoteServer(server.url).post(
          '/identity/sign-in',
          { username: 'zoe', password },
          { 'x-fingerprint-id': 'tablet' },
        )
      ).status;
    const guesses = await Promise.all(Array.from({ length: 12 }, () => signIn('a wrong password')));
    expect(guesses.filter((status) => status === 401)).toHaveLength(10);
    expect(await signIn(PASSWORD)).toBe(429);
    expect(await work.run(['account', 'unlock', 'zoe'])).toMatchObject({ code: 0 });
    expect(await signIn(PASSWORD)).toBe(200);
  });

  const devices = async () => {
    const { stdout } = await work.run(['account', 'devices', 'ada', '--json']);
    return JSON.parse(stdout) as { id: string; name: string | null; lastUsedAt: string }[];
  };

  test('devices are listed, and forgotten one by one or all', { timeout: 120_000 }, async () => {
    expect(await standing('laptop')).toBe(1);
    const [laptop, phone, ...none] = await devices();
    expect([laptop?.name, none]).toEqual([null, []]);
    const table = await work.run(['account', 'devices', 'ada@example.com']);
    expect(table.stdout).toContain(`${laptop?.id}  -`);
    const forget = (id: string) => work.run(['account', 'devices', 'ada', '--forget', id]);
    expect(await forget(phone?.id ?? '')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: `${uuid(1)} has forgotten 1 device\n`,
    });
    expect(await devices()).toHaveLength(1);
    expect(await standing('phone')).toBe(3);
    expect(await standing('laptop')).toBe(1);
    expect(await forget(phone?.id ?? '')).toMatchObject({ code: 1 });
    expect(await forget('all')).toMatchObject({ code: 0 });
    expect(await devices()).toEqual([]);
    expect(await standing('laptop')).toBe(3);
    expect(await standing('a first one')).toBe(3);
    const audit = await work.run(['audit', '--account', 'ada', '--json']);
    const events = audit.stdout.split('\n').filter((line) => line.includes('"device.forgotten"'));
    expect(events.map((line) => JSON.parse(line)).map(({ actor, device }) => [actor, device])).toEqual([
      ['operator', phone?.id],
      ['operator', null],
    ]);
  });

  test('a reset is started, and the code is its owner’s alone', { timeout: 120_000 }, async () => {
    const ask = (id: string) => work.run(['account', 'reset-password', id, '--send']);
    const { code, stdout, stderr } = await ask('ada');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const token = await longCode(sink, 'ada@example.com');
    expect(`${stderr}${server.stdout()}${server.stderr()}`).not.toContain(token);
    const audit = await work.run(['audit', '--account', 'ada', '--json']);
    expect(audit.stdout).not.toContain(token);
    expect(audit.stdout).toMatch(/"password\.reset-asked".*"operator"/);
    // The password is the same until the code is used, at whatever contract.
    const { post } = remoteServer(server.url);
    const body = { token, password: 'a password that ada chose' };
    expect((await post('/v1/password/reset', body)).status).toBe(204);
    expect((await post('/auth/login', { username: 'ada', password: PASSWORD })).status).toBe(401);
    expect((await post('/v1/password/reset', body)).status).not.toBe(204);
  });

  test('none is started for whom it would be of no use, and none without --send', async () => {
    const ask = (...args: string[]) => work.run(['account', 'reset-password', ...args]);
    expect(await ask('ben', '--send')).toMatchObject({
      code: 1,
      stderr: `latchkey: ${uuid(2)} has no e-mail address to send a code to\n`,
    });
    expect((await ask('eve', '--send')).stderr).toMatch(/is not active/);
    expect((await ask('nobody', '--send')).stderr).toMatch(/there is no account nobody/);
    expect((await ask('ada')).code).toBe(2);
  });
});
