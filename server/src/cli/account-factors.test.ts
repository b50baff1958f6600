import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type MailSink, startMailSink } from '../../testing/mail-sink.ts';
import { oathtoolCode } from '../../testing/oathtool.ts';
import { signInAsOwner } from '../../testing/owner.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { makeWorkplace, type RunningServer, type Workplace } from '../../testing/process.ts';
import { remoteServer } from '../../testing/remote.ts';
import { createSoftwarePasskey } from '../../testing/software-passkey.ts';
import { SEED } from '../../testing/totp.ts';

const PASSWORD = 'the password of ada';
const ADA = { email: 'ada@example.com', password: PASSWORD };

describe.each(ENGINES)('latchkey account factors, on %s', (engine) => {
  let work: Workplace;
  let mail: MailSink;
  let running: RunningServer;
  beforeAll(async () => {
    mail = await startMailSink();
    const store = engine === 'postgres' ? await createDatabase(inject('postgresUrl')) : null;
    work = makeWorkplace({
      LATCHKEY_MAIL_URL: mail.url,
      LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
      ...(store === null ? {} : { LATCHKEY_STORE_URL: store }),
    });
    await work.run(['migrate']);
    await load();
    running = await work.serve();
  });
  afterAll(async () => {
    await running.end('SIGTERM');
    await mail.stop();
    work.remove();
  });

  async function load(): Promise<void> {
    const account = { kind: 'account', id: uuid(1), username: 'ada', ...ADA, emailValidated: true };
    const line = JSON.stringify({ ...account, secondFactor: { totp: SEED, email: true } });
    expect((await work.run(['import', '-'], { input: line })).code).toBe(0);
  }

  const factors = async () => JSON.parse((await work.run(['account', 'factors', 'ada', '--json'])).stdout);
  const signedIn = () => signInAsOwner(remoteServer(running.url), ADA, () => oathtoolCode(SEED, Date.now()));

  // Each command is a process of its own.
  test('lists them, removes one after the other, ends sessions and tells the owner', {
    timeout: 120_000,
  }, async () => {
    onTestFinished(load);
    const owner = await signedIn();
    expect((await owner.call('POST', '/v1/factors/recovery-codes')).status).toBe(201);
    expect(await factors()).toEqual({
      totp: true,
      email: true,
      recoveryCodes: 10,
      passkeys: 0,
      wrongCodes: 0,
      closed: false,
    });
    const shown = await work.run(['account', 'factors', 'ada']);
    expect(shown.stdout).toMatch(/^totp +true\nemail +true\nrecoveryCodes +10\n/);

    const removed = await work.run(['account', 'factors', uuid(1), '--remove', 'recovery-codes']);
    expect(removed).toMatchObject({ code: 0, stdout: '' });
    expect(removed.stderr).toContain(`${uuid(1)} has no recovery-codes any more`);
    expect(await owner.isIn()).toBe(false);
    for (let text = ''; !text.includes('a set of recovery codes was removed'); )
      text = String((await mail.next(ADA.email)).text);
    for (const factor of ['totp', 'email'])
      expect((await work.run(['account', 'factors', 'ada', '--remove', factor])).code).toBe(0);
    expect(await factors()).toMatchObject({ totp: false, email: false, recoveryCodes: 0 });
    const plain = await signInAsOwner(remoteServer(running.url), ADA);
    expect(await plain.isIn()).toBe(true);

    const log = (await work.run(['audit', '--json'])).stdout;
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const events = lines.filter(({ event }: { event: string }) => event === 'factor.removed');
    expect(events).toMatchObject(
      ['recovery-codes', 'totp', 'email'].map((factor) => ({
        actor: 'operator',
        factor,
        detail: { by: expect.stringContaining('command line') },
      })),
    );
  });

  test('removes all passkeys at once', { timeout: 120_000 }, async () => {
    const server = remoteServer(running.url);
    // The time step of now may be spent.
    const owner = await signInAsOwner(server, ADA, () => oathtoolCode(SEED, Date.now() + 30_000));
    const passkey = createSoftwarePasskey({ rpId: '127.0.0.1', origin: running.url });
    const { challenge_token, options } = (await owner.call('POST', '/v1/factors/passkeys/options', {})).body;
    const made = { challenge_token, passkey: passkey.make(options) };
    expect((await owner.call('POST', '/v1/factors/passkeys', made)).status).toBe(201);
    const signIn = async () => {
      const begun = (await server.post('/v1/passkeys/sign-in-options', {})).body;
      const signed = { challenge_token: begun.challenge_token, passkey: passkey.sign(begun.options) };
      return (await server.post('/v1/passkeys/sign-in', signed)).status;
    };
    expect(await signIn()).toBe(200);
    expect(await factors()).toMatchObject({ passkeys: 1 });
    const removed = await work.run(['account', 'factors', 'ada', '--remove', 'passkeys']);
    expect(removed).toMatchObject({ code: 0, stdout: '' });
    expect(await factors()).toMatchObject({ passkeys: 0 });
    expect(await owner.isIn()).toBe(false);
    expect(await signIn()).toBe(401);
    for (let text = ''; !text.includes('a passkey was removed'); )
      text = String((await mail.next(ADA.email)).text);
  });

  test('fails for what is not there, and is wrong usage for what there never is', async () => {
    const missing = await work.run(['account', 'factors', 'ada', '--remove', 'recovery-codes']);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toBe(`latchkey: ${uuid(1)} has no recovery-codes\n`);
    expect((await work.run(['account', 'factors', 'ada', '--remove', 'password'])).code).toBe(2);
    expect((await work.run(['account', 'factors', 'nobody'])).code).toBe(1);
    expect((await work.run(['account', 'factors'])).code).toBe(2);
  });
});
