import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import {
  bearer,
  enrol,
  enrolmentOptions,
  newPasskey,
  PUBLIC_URL,
  passkeyRequests,
  personWithPasskey,
  sessionBehind,
  signInNative,
  signInWith,
} from '../../testing/passkeys.ts';
import { askForCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { readTables } from '../../testing/store-dump.ts';
import { CleanUp } from '../clean-up.ts';
import { forgetPasskeys, PASSKEY_LIMIT } from '../store/passkeys.ts';

describe.each(ENGINES)('the passkeys of an account, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_PUBLIC_URL: PUBLIC_URL });
  });
  afterAll(() => app.stop());

  const { list, remove, add } = passkeyRequests(() => app);
  const failed = ({ status, body }: Answer) => [status, body.error?.code];
  const isActive = async (token: string) => (await sessionBehind(app, token)).active;

  test('are added, listed and removed', async () => {
    const person = await app.person();
    const { accessToken } = await signInNative(app, person);
    expect((await list(accessToken)).body).toEqual({ passkeys: [] });
    const passkey = newPasskey({ synced: true });
    const added = await enrol(app, accessToken, passkey);
    expect(added.status).toBe(201);
    const shown = {
      id: passkey.id,
      name: 'A key',
      synced: true,
      backedUp: true,
      createdAt: expect.stringMatching(/Z$/),
      lastUsedAt: null,
    };
    expect(added.body).toEqual(shown);
    expect((await list(accessToken)).body).toEqual({ passkeys: [shown] });
    const factors = await app.request('GET', '/v1/factors', { headers: bearer(accessToken) });
    expect(factors.body).toEqual({
      email: { on: false, address: expect.any(String) },
      totp: { on: false },
      recoveryCodes: { left: expect.any(Number) },
      passkeys: [shown],
    });

    const session = (await signInWith(app, passkey)).body;
    expect((await list(session.accessToken)).body.passkeys).toEqual([
      { ...shown, lastUsedAt: expect.stringMatching(/Z$/) },
    ]);
    const removed = await remove(session.accessToken, passkey.id);
    expect([removed.status, removed.text]).toEqual([204, '']);
    expect((await list(session.accessToken)).body).toEqual({ passkeys: [] });
    expect(failed(await signInWith(app, passkey))).toEqual([401, 'invalid-passkey']);
    expect(failed(await remove(session.accessToken, passkey.id))).toEqual([404, 'no-such-passkey']);
    const events = (await eventsOf(app.core, person.id)).filter(({ event }) => event.startsWith('factor.'));
    expect(events.map(({ event, factor }) => [event, factor])).toEqual([
      ['factor.added', 'passkey'],
      ['factor.removed', 'passkey'],
    ]);
  });

  test('are at most so many', async () => {
    const { passkey } = await personWithPasskey(app);
    const { accessToken } = (await signInWith(app, passkey)).body;
    for (let each = 1; each < PASSKEY_LIMIT; each += 1)
      expect((await enrol(app, accessToken, newPasskey())).status).toBe(201);
    expect(failed(await enrolmentOptions(app, accessToken))).toEqual([409, 'too-many-passkeys']);
    expect((await remove(accessToken, passkey.id)).status).toBe(204);
    const begun = [await enrolmentOptions(app, accessToken), await enrolmentOptions(app, accessToken)];
    const answers = await Promise.all(
      begun.map(({ body }) => add(accessToken, body.challenge_token, newPasskey().make(body.options))),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await list(accessToken)).body.passkeys).toHaveLength(PASSKEY_LIMIT);
  });

  test('the session goes on as one that has shown what was added', async () => {
    const { accessToken } = await signInNative(app, await app.person());
    expect((await enrol(app, accessToken, newPasskey({ synced: true }))).status).toBe(201);
    expect((await sessionBehind(app, accessToken)).amr).toEqual(['pwd', 'swk', 'user', 'mfa']);
    expect((await enrol(app, accessToken, newPasskey())).status).toBe(201);
  });

  describe('recovery codes', () => {
    const renew = (token: string) => app.post('/v1/factors/recovery-codes', {}, bearer(token));
    const left = async (token: string) =>
      (await app.request('GET', '/v1/factors', { headers: bearer(token) })).body.recoveryCodes.left;

    test('stand in for a passkey that is not at hand, for proving again', async () => {
      const { person, passkey } = await personWithPasskey(app);
      const [code] = (await renew((await signInWith(app, passkey)).body.accessToken)).body.recoveryCodes;
      const { accessToken } = await signInNative(app, person);
      const due = await app.post('/v1/session/prove', { password: person.password }, bearer(accessToken));
      const proof = { challenge_token: due.body.challenge_token, code };
      const fresh = (await app.post('/v1/challenges/verify', proof)).body;
      expect((await sessionBehind(app, fresh.accessToken)).amr).toEqual(['pwd', 'recovery', 'mfa']);
      expect((await remove(fresh.accessToken, passkey.id)).status).toBe(204);
    });

    test('are there as long as a passkey is', async () => {
      const { passkey } = await personWithPasskey(app);
      const { accessToken } = (await signInWith(app, passkey)).body;
      const second = newPasskey();
      expect((await renew(accessToken)).status).toBe(201);
      expect((await enrol(app, accessToken, second)).status).toBe(201);
      expect((await remove(accessToken, passkey.id)).status).toBe(204);
      expect(await left(accessToken)).toBe(10);
      expect((await remove(accessToken, second.id)).status).toBe(204);
      expect(await left(accessToken)).toBe(0);
    });
  });

  test('the last one stays where nothing else would be enough', async () => {
    const organisation = await app.organisation({
      settings: { requireSecondFactorFor: ['Clerk'], allowEmailPin: false },
    });
    await app.load({ kind: 'role', name: 'Clerk' });
    const { person, passkey } = await personWithPasskey(app);
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Clerk' });
    const { accessToken } = (await signInWith(app, passkey)).body;
    expect(failed(await remove(accessToken, passkey.id))).toEqual([403, 'factor-not-allowed']);
    expect((await enrol(app, accessToken, newPasskey())).status).toBe(201);
    expect((await remove(accessToken, passkey.id)).status).toBe(204);
  });

  test('are all forgotten at once where nobody of them is to be left', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const other = await personWithPasskey(app);
    await app.core.store.commit([forgetPasskeys(person.id)]);
    expect((await signInWith(app, passkey)).status).toBe(401);
    expect((await signInWith(app, other.passkey)).status).toBe(200);
  });

  test('RV-6: go with whatever a stranger attached, once the owner of the address proves it; else they stay', async () => {
    const [, atLogin] = RECOVERY_DOORS;
    if (!atLogin) throw new Error('there is no such door');
    for (const emailValidated of [false, true]) {
      const { person, passkey } = await personWithPasskey(app, { emailValidated });
      await app.mail.next(person.email);
      const code = await askForCode(app, atLogin, person);
      expect(await atLogin.reset(app, code, 'another password of theirs')).toMatchObject(atLogin.done);
      expect((await signInWith(app, passkey)).status).toBe(emailValidated ? 200 : 401);
    }
  });

  test('leave nothing behind: what was answered is cleaned up when it is long over', async () => {
    const { passkey } = await personWithPasskey(app);
    const spent = async () => (await readTables(app.core.config.store.url)).spent_challenges?.length ?? 0;
    await signInWith(app, passkey);
    expect(await spent()).toBeGreaterThan(0);
    const { store, clock, log, config } = app.core;
    const cleanUp = new CleanUp(store, clock, log, { ...config.cleanUp, revocationSeconds: 0 });
    clock.advance(6 * 86_400);
    await cleanUp.run();
    expect(await spent()).toBeGreaterThan(0);
    clock.advance(2 * 86_400);
    await cleanUp.run();
    await cleanUp.stop();
    expect(await spent()).toBe(0);
  });

  describe('SE-3: adding or removing one', () => {
    test.each(['adding', 'removing'] as const)(
      '%s ends other sessions, open tickets and known devices, and tells the owner',
      async (what) => {
        const known = { recogniseDevices: true, devices: ['a known device'], secondFactor: { email: true } };
        const { person, passkey } = await personWithPasskey(app, known);
        await app.mail.next(person.email);
        const other = (await signInWith(app, passkey)).body;
        const here = (await signInWith(app, passkey)).body;
        const sign = await app.post('/v1/sign-in', { identifier: person.email, password: person.password });
        const code = await app.mail.code(person.email);
        await app.core.store.commit([
          {
            sql: `INSERT INTO devices (account_id, fingerprint_hash, fingerprint_sealed, created_at, last_used_at)
                  VALUES ($1, 'x', 'x', 1, 1)`,
            params: [person.id],
          },
        ]);
        const done =
          what === 'adding'
            ? await enrol(app, here.accessToken, newPasskey())
            : await remove(here.accessToken, passkey.id);
        expect(done.status, done.text).toBeLessThan(300);

        expect(await isActive(here.accessToken)).toBe(true);
        expect((await app.post('/v1/refresh', { refreshToken: here.refreshToken })).status).toBe(200);
        expect(await isActive(other.accessToken)).toBe(false);
        expect((await app.post('/v1/refresh', { refreshToken: other.refreshToken })).status).toBe(401);
        const { challenge_token } = sign.body;
        expect(failed(await app.post('/v1/challenges/verify', { challenge_token, code }))).toEqual([
          401,
          'invalid-ticket',
        ]);
        expect(await app.core.store.devices.ofAccount(person.id)).toEqual([]);
        const notice = await app.mail.next(person.email);
        expect(notice.subject).toBe('Your second factors have changed');
        expect(notice.text).toContain(
          `a passkey was ${what === 'adding' ? 'added to' : 'removed from'} your`,
        );
      },
    );

    test('is one commit: what is refused changes nothing', async () => {
      const { person, passkey } = await personWithPasskey(app);
      await app.mail.next(person.email);
      const other = (await signInWith(app, passkey)).body;
      const here = (await signInWith(app, passkey)).body;
      expect(failed(await remove(here.accessToken, 'bm9ib2R5'))).toEqual([404, 'no-such-passkey']);
      expect(failed(await enrol(app, here.accessToken, newPasskey({ id: passkey.id })))).toEqual([
        409,
        'passkey-known',
      ]);
      expect(await isActive(other.accessToken)).toBe(true);
      expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(
        1,
      );
    });
  });

  describe('MF-8: a change', () => {
    const tryAll = async (token: string, id: string) => [
      failed(await enrolmentOptions(app, token)),
      failed(await remove(token, id)),
    ];
    const refused = [
      [403, 'proof-required'],
      [403, 'proof-required'],
    ];

    test('asks for a session that is not older than twenty minutes', async () => {
      const { passkey } = await personWithPasskey(app);
      const session = (await signInWith(app, passkey)).body;
      app.core.clock.advance(20 * 60 + 1);
      const { refreshToken } = session;
      const { accessToken } = (await app.post('/v1/refresh', { refreshToken })).body;
      expect(await isActive(accessToken)).toBe(true);
      expect(await tryAll(accessToken, passkey.id)).toEqual(refused);
      expect(failed(await add(accessToken, 'x', newPasskey().make({ challenge: 'AA' })))).toEqual(refused[0]);
      expect((await list(accessToken)).status).toBe(200);
    });

    test('asks whoever has a passkey for a factor, and not only for a password', async () => {
      const { person, passkey } = await personWithPasskey(app);
      const { accessToken } = await signInNative(app, person);
      expect((await sessionBehind(app, accessToken)).amr).toEqual(['pwd']);
      expect(await tryAll(accessToken, passkey.id)).toEqual(refused);
      expect((await list(accessToken)).status).toBe(200);
    });

    test('is not to be had with a PIN that an organisation’s policy has mailed', async () => {
      await app.load({ kind: 'role', name: 'Teacher' });
      const organisation = await app.organisation({ settings: { mfaForTeachers: true } });
      const { person, passkey } = await personWithPasskey(app);
      await app.mail.next(person.email);
      await app.load({ kind: 'membership', account: person.id, organisation, role: 'Teacher' });
      const { accessToken } = await signInNative(app, person);
      expect((await sessionBehind(app, accessToken)).amr).toEqual(['pwd', 'email', 'mfa']);
      expect(await tryAll(accessToken, passkey.id)).toEqual(refused);
    });

    test('is to be had by proving again, with the password and a passkey', async () => {
      const { person, passkey } = await personWithPasskey(app);
      const { accessToken } = await signInNative(app, person);
      const due = await app.post('/v1/session/prove', { password: person.password }, bearer(accessToken));
      expect(failed(due)).toEqual([403, 'second-factor-required']);
      const { challenge_token } = due.body;
      const { options } = (await app.post('/v1/challenges/passkey', { challenge_token })).body;
      const proven = { challenge_token, passkey: passkey.sign(options) };
      const fresh = (await app.post('/v1/challenges/verify', proven)).body;
      expect((await sessionBehind(app, fresh.accessToken)).amr).toEqual(['pwd', 'hwk', 'user', 'mfa']);
      expect((await enrol(app, fresh.accessToken, newPasskey())).status).toBe(201);
      // No PIN came with it: whoever has a passkey shows it.
      await app.mail.next(person.email);
      expect((await app.mail.next(person.email)).text).toContain('a passkey was added');
    });

    test('of somebody else’s passkeys is none', async () => {
      const [one, other] = [await personWithPasskey(app), await personWithPasskey(app)];
      const { accessToken } = (await signInWith(app, one.passkey)).body;
      expect(failed(await remove(accessToken, other.passkey.id))).toEqual([404, 'no-such-passkey']);
      expect((await signInWith(app, other.passkey)).status).toBe(200);
    });

    test('is for accounts that are signed in', async () => {
      for (const token of ['nothing', ''])
        for (const answer of [
          await list(token),
          await enrolmentOptions(app, token),
          await add(token, 'x', newPasskey().make({ challenge: 'AA' })),
          await remove(token, 'AA'),
        ])
          expect(answer.status).toBe(401);
    });
  });
});
