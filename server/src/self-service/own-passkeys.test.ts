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
  personWithPasskey,
  sessionBehind,
  signInNative,
  signInOptions,
  signInWith,
} from '../../testing/passkeys.ts';
import type { Forgery } from '../../testing/software-passkey.ts';
import { readTables } from '../../testing/store-dump.ts';
import { CleanUp } from '../clean-up.ts';
import { forgetPasskeys, PASSKEY_LIMIT } from '../store/passkeys.ts';

/** What is right but for one thing. */
const FORGERIES: readonly (readonly [string, Forgery])[] = [
  ['another origin', { origin: 'https://evil.example' }],
  ['another relying party', { rpId: 'evil.example' }],
  ['another ceremony', { type: 'webauthn.get' }],
  ['another challenge', { challenge: 'AAAAAAAAAAAAAAAAAAAAAAAA' }],
  ['a frame in another site', { crossOrigin: true }],
  ['nobody there', { userPresent: false }],
  ['nobody verified', { userVerified: false }],
  ['another id outside than inside', { id: 'bm9ib2R5' }],
  ['a backup of what cannot be backed up', { backedUp: true }],
  ['an attestation that is none', { tamper: (response) => ({ ...response, attestationObject: 'AAAA' }) }],
  [
    'a key that is cut',
    {
      tamper: ({ attestationObject = '', ...rest }) => ({
        ...rest,
        attestationObject: attestationObject.slice(0, -8),
      }),
    },
  ],
  [
    'an attestation that is nested without end',
    { tamper: (response) => ({ ...response, attestationObject: 'gYGB'.repeat(2500) }) },
  ],
  [
    'a key that is no key',
    {
      tamper: ({ attestationObject = '', ...rest }) => ({
        ...rest,
        // The end of it is the key's.
        attestationObject: `${attestationObject.slice(0, -8)}AAAAAAAA`,
      }),
    },
  ],
];

describe.each(ENGINES)('the passkeys of an account, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_PUBLIC_URL: PUBLIC_URL });
  });
  afterAll(() => app.stop());

  const list = (token: string) => app.request('GET', '/v1/factors/passkeys', { headers: bearer(token) });
  const remove = (token: string, id: string) =>
    app.request('DELETE', `/v1/factors/passkeys/${id}`, { headers: bearer(token) });
  const add = (token: string, challenge_token: string, passkey: object, more: object = {}) =>
    app.post('/v1/factors/passkeys', { challenge_token, passkey, ...more }, bearer(token));
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

  test('are asked of the browser as they must be', async () => {
    const person = await app.person({
      user: { id: '00000000-0000-4000-8000-00000000abcd', name: 'Ada Byron' },
    });
    const { accessToken } = await signInNative(app, person);
    const { options } = (await enrolmentOptions(app, accessToken)).body;
    expect(options).toMatchObject({
      challenge: expect.stringMatching(/^[\w-]{43,}$/),
      rp: { id: 'id.example.com', name: 'id.example.com' },
      user: { id: expect.stringMatching(/^[\w-]{43}$/), name: person.username, displayName: 'Ada Byron' },
      authenticatorSelection: {
        residentKey: 'required',
        requireResidentKey: true,
        userVerification: 'required',
      },
      attestation: 'none',
      excludeCredentials: [],
      timeout: 300_000,
    });
    expect(options.pubKeyCredParams.map(({ alg }: { alg: number }) => alg)).toEqual([-8, -7, -257]);
    // What the authenticator keeps says nothing of the account, and is the same for all its passkeys.
    expect(Buffer.from(options.user.id, 'base64url').toString('latin1')).not.toContain(person.id);
    const passkey = newPasskey();
    await enrol(app, accessToken, passkey);
    const session = (await signInWith(app, passkey)).body;
    const again = (await enrolmentOptions(app, session.accessToken)).body.options;
    expect(again.user).toEqual(options.user);
    expect(again.excludeCredentials).toEqual([
      { id: passkey.id, type: 'public-key', transports: ['internal', 'hybrid'] },
    ]);
  });

  test.each(FORGERIES)('MF-7: are not added with %s; the ticket is spent', async (_what, forgery) => {
    const person = await app.person();
    const { accessToken } = await signInNative(app, person);
    const { challenge_token, options } = (await enrolmentOptions(app, accessToken)).body;
    const passkey = newPasskey();
    const answer = await add(accessToken, challenge_token, passkey.make(options, forgery));
    expect(failed(answer), answer.text).toEqual([400, 'invalid-passkey']);
    expect(failed(await add(accessToken, challenge_token, passkey.make(options)))).toEqual([
      401,
      'invalid-ticket',
    ]);
    expect((await list(accessToken)).body.passkeys).toEqual([]);
    expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject({
      event: 'factor.refused',
      factor: 'passkey',
    });
    expect((await enrol(app, accessToken, passkey)).status).toBe(201);
  });

  test.each([
    ['of an algorithm that was not asked for', { algorithm: 'ES384' }],
    ['that is larger than any that is used', { algorithm: 'RS256 with a key of 10,240 bits' }],
    ['with an id that is too long', { idBytes: 1024 }],
  ] as const)('MF-7: are not added: a key %s', async (_what, settings) => {
    const { accessToken } = await signInNative(app, await app.person());
    const answer = await enrol(app, accessToken, newPasskey(settings));
    expect([400, 413], answer.text).toContain(answer.status);
    expect((await list(accessToken)).body.passkeys).toEqual([]);
  });

  test('have ids of any length that there is', async () => {
    const { accessToken } = await signInNative(app, await app.person());
    const passkey = newPasskey({ idBytes: 1023 });
    expect((await enrol(app, accessToken, passkey)).status).toBe(201);
    const session = (await signInWith(app, passkey)).body;
    expect((await remove(session.accessToken, passkey.id)).status).toBe(204);
  });

  test.each(['packed', 'tpm', 'apple', 'android-key', 'android-safetynet', 'fido-u2f', 'made-up'])(
    'are added whatever is attested, which nobody looks at: %s',
    async (attestation) => {
      const { accessToken } = await signInNative(app, await app.person());
      expect((await enrol(app, accessToken, newPasskey(), { attestation })).status).toBe(201);
    },
  );

  test('MF-7: a ticket is of one session, of one account, for five minutes, once', async () => {
    const [person, other] = [await app.person(), await app.person()];
    const [one, second] = [await signInNative(app, person), await signInNative(app, person)];
    const stranger = await signInNative(app, other);
    const begin = async () => (await enrolmentOptions(app, one.accessToken)).body;
    const { challenge_token, options } = await begin();
    for (const { accessToken } of [second, stranger])
      expect(failed(await add(accessToken, challenge_token, newPasskey().make(options)))).toEqual([
        401,
        'invalid-ticket',
      ]);
    const strangers = (await enrolmentOptions(app, stranger.accessToken)).body;
    expect(failed(await add(one.accessToken, challenge_token, newPasskey().make(strangers.options)))).toEqual(
      [400, 'invalid-passkey'],
    );
    const late = await begin();
    app.core.clock.advance(301);
    expect(failed(await add(one.accessToken, late.challenge_token, newPasskey().make(late.options)))).toEqual(
      [401, 'invalid-ticket'],
    );
    const right = await begin();
    const passkey = newPasskey();
    expect((await add(one.accessToken, right.challenge_token, passkey.make(right.options))).status).toBe(201);
    expect(
      failed(await add(one.accessToken, right.challenge_token, newPasskey().make(right.options))),
    ).toEqual([401, 'invalid-ticket']);
  });

  test('MF-7: the challenge of a sign-in is none here', async () => {
    const { accessToken } = await signInNative(app, await app.person());
    const { challenge_token, options } = await signInOptions(app);
    expect(failed(await add(accessToken, challenge_token, newPasskey().make(options)))).toEqual([
      401,
      'invalid-ticket',
    ]);
    const own = (await enrolmentOptions(app, accessToken)).body;
    expect(failed(await add(accessToken, own.challenge_token, newPasskey().make(options)))).toEqual([
      400,
      'invalid-passkey',
    ]);
  });

  test('MF-7: an id that somebody has is nobody else’s, nor theirs twice', async () => {
    const { passkey } = await personWithPasskey(app);
    const { accessToken } = (await signInWith(app, passkey)).body;
    const twin = newPasskey({ id: passkey.id });
    expect(failed(await enrol(app, accessToken, twin))).toEqual([409, 'passkey-known']);
    const stranger = await signInNative(app, await app.person());
    expect(failed(await enrol(app, stranger.accessToken, twin))).toEqual([409, 'passkey-known']);
    expect((await list(stranger.accessToken)).body.passkeys).toEqual([]);
    expect((await signInWith(app, passkey)).status).toBe(200);
    expect((await signInWith(app, twin)).status).toBe(401);
  });

  test('MF-4: of twenty answers to one ticket at once, one is taken', async () => {
    const { accessToken } = await signInNative(app, await app.person());
    const { challenge_token, options } = (await enrolmentOptions(app, accessToken)).body;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => add(accessToken, challenge_token, newPasskey().make(options))),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await list(accessToken)).body.passkeys).toHaveLength(1);
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

  test('leave nothing behind: what was answered is cleaned up when it is long over', async () => {
    const { passkey } = await personWithPasskey(app);
    const spent = async () => (await readTables(app.core.config.store.url)).spent_challenges?.length ?? 0;
    await signInWith(app, passkey);
    expect(await spent()).toBeGreaterThan(0);
    const { store, clock, log } = app.core;
    const cleanUp = new CleanUp(store, clock, log, 0);
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

  test.each([
    ['no challenge token', { challenge_token: undefined }],
    ['no passkey', { passkey: undefined }],
    ['a passkey that is a text', { passkey: 'x' }],
    ['a name that is a number', { name: 7 }],
    ['a name that is too long', { name: 'x'.repeat(65) }],
    ['a name with NUL', { name: 'a\0b' }],
  ])('%s is a bad request', async (_what, more) => {
    const { accessToken } = await signInNative(app, await app.person());
    const { challenge_token, options } = (await enrolmentOptions(app, accessToken)).body;
    const body = { challenge_token, passkey: newPasskey().make(options), ...more };
    expect(failed(await app.post('/v1/factors/passkeys', body, bearer(accessToken)))).toEqual([
      400,
      'bad-request',
    ]);
  });
});
