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
import type { Forgery, SoftwarePasskey } from '../../testing/software-passkey.ts';
import { readTables } from '../../testing/store-dump.ts';
import { accountKey } from './throttle.ts';

const ORIGIN_OF_FRIENDS = 'https://app.id.example.com';

const anotherText = (text: string) => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;

/** What is right but for one thing. */
const FORGERIES: readonly (readonly [string, Forgery])[] = [
  ['another origin', { origin: 'https://id.example.com.evil.example' }],
  ['an origin with another scheme', { origin: 'http://id.example.com' }],
  ['an origin with another port', { origin: 'https://id.example.com:8443' }],
  ['a sub-domain that the configuration does not name', { origin: 'https://other.id.example.com' }],
  ['another relying party', { rpId: 'evil.example' }],
  ['the relying party above', { rpId: 'example.com' }],
  ['another ceremony', { type: 'webauthn.create' }],
  ['no ceremony', { type: '' }],
  ['a frame in another site', { crossOrigin: true }],
  ['a frame in a site that is named', { crossOrigin: true, topOrigin: 'https://evil.example' }],
  ['nobody there', { userPresent: false }],
  ['nobody verified', { userVerified: false }],
  ['another kind of key than when it was made', { synced: true }],
  ['a backup of what cannot be backed up', { backedUp: true }],
  ['another id', { id: 'bm9ib2R5' }],
  ['another user handle', { userHandle: 'bm9ib2R5' }],
  ['no user handle', { userHandle: null }],
  [
    'another signature',
    { tamper: ({ signature = '', ...rest }) => ({ ...rest, signature: anotherText(signature) }) },
  ],
  ['the signature of nothing', { tamper: (response) => ({ ...response, signature: 'AA' }) }],
  [
    'authenticator data that were changed',
    {
      tamper: ({ authenticatorData = '', ...rest }) => ({
        ...rest,
        authenticatorData: `${authenticatorData.slice(0, -2)}zz`,
      }),
    },
  ],
  [
    'authenticator data that go on',
    {
      tamper: ({ authenticatorData = '', ...rest }) => ({
        ...rest,
        authenticatorData: `${authenticatorData}AAAA`,
      }),
    },
  ],
  ['no authenticator data', { tamper: (response) => ({ ...response, authenticatorData: 'AA' }) }],
];

describe.each(ENGINES)('MF-7: signing in with a passkey and nothing else, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_PUBLIC_URL: PUBLIC_URL,
      LATCHKEY_PASSKEYS_ORIGINS: JSON.stringify([ORIGIN_OF_FRIENDS]),
      LATCHKEY_SIGN_IN_MAX_FAILURES: '3',
    });
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const send = (challenge_token: string, passkey: object) =>
    app.post('/v1/passkeys/sign-in', { challenge_token, passkey });
  const sessionsOf = async (id: string) =>
    ((await readTables(app.core.config.store.url)).sessions ?? []).filter((row) => row.account_id === id);
  const reasonsOf = async (id: string) =>
    (await eventsOf(app.core, id))
      .filter(({ event }) => event === 'sign-in.refused')
      .map(({ reason }) => reason);
  const failed = ({ status, body }: Answer) => [status, body.error?.code];

  test('leads to a native session that says how', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const answer = await signInWith(app, passkey);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      organisation: null,
      role: '',
    });
    expect(await sessionBehind(app, answer.body.accessToken)).toMatchObject({
      account: person.id,
      amr: ['hwk', 'user', 'mfa'],
    });
    const events = await eventsOf(app.core, person.id);
    expect(events.at(-1)).toMatchObject({ event: 'sign-in.completed', factor: 'hwk user' });
    const { refreshToken } = answer.body;
    expect((await app.post('/v1/refresh', { refreshToken })).status).toBe(200);
  });

  test('tells a key that is synchronised from one that stays where it is', async () => {
    const { passkey } = await personWithPasskey(app, {}, { synced: true });
    const { accessToken } = (await signInWith(app, passkey)).body;
    expect((await sessionBehind(app, accessToken)).amr).toEqual(['swk', 'user', 'mfa']);
  });

  test.each(['ES256', 'EdDSA', 'RS256'] as const)('takes keys of %s', async (algorithm) => {
    const { passkey } = await personWithPasskey(app, {}, { algorithm });
    expect((await signInWith(app, passkey)).status).toBe(200);
    expect((await signInWith(app, passkey)).status).toBe(200);
  });

  test('takes a page on another origin that the configuration names', async () => {
    const { passkey } = await personWithPasskey(app, {}, { origin: ORIGIN_OF_FRIENDS });
    expect((await signInWith(app, passkey)).status).toBe(200);
    expect((await signInWith(app, passkey, { origin: PUBLIC_URL })).status).toBe(200);
  });

  test.each(FORGERIES)('is refused with %s, and spends the challenge', async (_what, forgery) => {
    const { person, passkey } = await personWithPasskey(app);
    const before = (await sessionsOf(person.id)).length;
    const { challenge_token, options } = await signInOptions(app);
    const answer = await send(challenge_token, passkey.sign(options, forgery));
    expect(failed(answer), answer.text).toEqual([401, 'invalid-passkey']);
    const late = await send(challenge_token, passkey.sign(options));
    expect(failed(late)).toEqual([401, 'invalid-ticket']);
    expect(await sessionsOf(person.id)).toHaveLength(before);
    expect((await signInWith(app, passkey)).status).toBe(200);
  });

  test('is refused with what another key has signed', async () => {
    const [one, other] = [await personWithPasskey(app), await personWithPasskey(app)];
    const { challenge_token, options } = await signInOptions(app);
    const forged = other.passkey.sign(options, { id: one.passkey.id });
    expect(failed(await send(challenge_token, forged))).toEqual([401, 'invalid-passkey']);
    expect(await reasonsOf(one.person.id)).toEqual(['passkey-refused']);
    expect(await reasonsOf(other.person.id)).toEqual([]);
  });

  test('tells the audit log which page it was', async () => {
    const { person, passkey } = await personWithPasskey(app);
    await signInWith(app, passkey, { origin: `https://wrong.example/${'x'.repeat(500)}` });
    const event = (await eventsOf(app.core, person.id)).at(-1);
    expect(event).toMatchObject({ event: 'sign-in.refused', reason: 'passkey-refused', factor: 'passkey' });
    expect(String(event?.detail?.origin)).toMatch(/^https:\/\/wrong\.example\/x+$/);
    expect(String(event?.detail?.origin)).toHaveLength(256);
  });

  describe('a challenge', () => {
    test('is of 16 bytes and more, new every time, and names nobody', async () => {
      const [one, other] = [await signInOptions(app), await signInOptions(app)];
      expect(one.options).toEqual({
        challenge: expect.stringMatching(/^[\w-]{43,}$/),
        rpId: 'id.example.com',
        timeout: 300_000,
        userVerification: 'required',
      });
      expect(one.options.challenge).not.toBe(other.options.challenge);
      expect(one.challenge_token).not.toBe(other.challenge_token);
    });

    test('leaves nothing in the store until it is answered', async () => {
      const rows = async () => {
        const { tickets, spent_challenges, audit } = await readTables(app.core.config.store.url);
        return [tickets, spent_challenges, audit].map((table) => table?.length);
      };
      const before = await rows();
      for (let each = 0; each < 5; each += 1) await signInOptions(app);
      expect(await rows()).toEqual(before);
    });

    test('is answered once', async () => {
      const { passkey } = await personWithPasskey(app, {}, { counts: false });
      const { challenge_token, options } = await signInOptions(app);
      const response = passkey.sign(options);
      expect((await send(challenge_token, response)).status).toBe(200);
      expect(failed(await send(challenge_token, response))).toEqual([401, 'invalid-ticket']);
      expect(failed(await send(challenge_token, passkey.sign(options)))).toEqual([401, 'invalid-ticket']);
    });

    test('is good for five minutes', async () => {
      const { passkey } = await personWithPasskey(app);
      const early = await signInOptions(app);
      app.core.clock.advance(298);
      expect((await send(early.challenge_token, passkey.sign(early.options))).status).toBe(200);
      const late = await signInOptions(app);
      app.core.clock.advance(301);
      expect(failed(await send(late.challenge_token, passkey.sign(late.options)))).toEqual([
        401,
        'invalid-ticket',
      ]);
    });

    test('is nothing with the token of another one, nor made up, nor with another end', async () => {
      const { passkey } = await personWithPasskey(app);
      const [one, other] = [await signInOptions(app), await signInOptions(app)];
      const [end = '', mac = ''] = Buffer.from(one.options.challenge, 'base64url').toString().split('.');
      const later = Buffer.from(`${Number(end) + 60_000}.${mac}`).toString('base64url');
      for (const challenge of [
        other.options.challenge,
        later,
        `${one.options.challenge}A`,
        one.options.challenge.slice(0, -1),
        Buffer.from(`${end}.`).toString('base64url'),
        'AAAAAAAAAAAAAAAAAAAAAA',
        '',
      ])
        expect(failed(await send(one.challenge_token, passkey.sign({ challenge }))), challenge).toEqual([
          401,
          'invalid-ticket',
        ]);
      expect((await send(one.challenge_token, passkey.sign(one.options))).status).toBe(200);
    });

    test('of a registration, or of a second factor, is refused here', async () => {
      const { person, passkey } = await personWithPasskey(app, { secondFactor: { email: true } });
      const session = (await signInWith(app, passkey)).body;
      const registration = (await enrolmentOptions(app, session.accessToken)).body;
      const { challenge_token } = (
        await app.post('/v1/sign-in', { identifier: person.email, password: person.password })
      ).body;
      const step = (await app.post('/v1/challenges/passkey', { challenge_token })).body;
      const own = await signInOptions(app);
      for (const [token, options] of [
        [registration.challenge_token, registration.options],
        [own.challenge_token, registration.options],
        [challenge_token, step.options],
        [own.challenge_token, step.options],
        [registration.challenge_token, own.options],
      ])
        expect(failed(await send(token, passkey.sign(options)))).toEqual([401, 'invalid-ticket']);
      expect((await send(own.challenge_token, passkey.sign(own.options))).status).toBe(200);
    });
  });

  test('of twenty right answers to one challenge at once, one signs in', async () => {
    for (const counts of [true, false]) {
      const { person, passkey } = await personWithPasskey(app, {}, { counts });
      const before = (await sessionsOf(person.id)).length;
      const { challenge_token, options } = await signInOptions(app);
      const responses = Array.from({ length: 20 }, () => passkey.sign(options));
      const answers = await Promise.all(responses.map((response) => send(challenge_token, response)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(await sessionsOf(person.id)).toHaveLength(before + 1);
    }
  });

  test('right sign-ins at once, each with its challenge, all succeed where nothing is counted', async () => {
    const { passkey } = await personWithPasskey(app, {}, { counts: false });
    const answers = await Promise.all(Array.from({ length: 20 }, () => signInWith(app, passkey)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
  });

  describe('a counter', () => {
    const stored = async (passkey: SoftwarePasskey) =>
      (await app.core.store.passkeys.byId(passkey.id))?.counter;

    test('that does not rise is that of a copy: refused, and written down', async () => {
      const { person, passkey } = await personWithPasskey(app);
      expect((await signInWith(app, passkey, { counter: 7 })).status).toBe(200);
      for (const counter of [7, 6, 1, 0])
        expect(failed(await signInWith(app, passkey, { counter })), `${counter}`).toEqual([
          401,
          'invalid-passkey',
        ]);
      expect(await reasonsOf(person.id)).toEqual(new Array(4).fill('passkey-cloned'));
      expect(await stored(passkey)).toBe(7);
      expect((await signInWith(app, passkey, { counter: 8 })).status).toBe(200);
    });

    test('that stays at 0 counts nothing', async () => {
      const { passkey } = await personWithPasskey(app, {}, { counts: false });
      for (let each = 0; each < 3; each += 1) expect((await signInWith(app, passkey)).status).toBe(200);
      expect(await stored(passkey)).toBe(0);
    });

    test('of a signature that is not right changes nothing', async () => {
      const { passkey } = await personWithPasskey(app);
      await signInWith(app, passkey, { counter: 4_000_000_000, origin: 'https://evil.example' });
      expect(await stored(passkey)).toBe(0);
    });

    test('that is the same in many answers at once is taken once', async () => {
      const { passkey } = await personWithPasskey(app);
      const begun = await Promise.all(Array.from({ length: 20 }, () => signInOptions(app)));
      const answers = await Promise.all(
        begun.map(({ challenge_token, options }) =>
          send(challenge_token, passkey.sign(options, { counter: 5 })),
        ),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    });
  });

  test('EN-6: what nobody has, what was removed, and what is wrong look the same', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const removed = await personWithPasskey(app);
    const { accessToken } = (await signInWith(app, removed.passkey)).body;
    const path = `/v1/factors/passkeys/${removed.passkey.id}`;
    expect((await app.request('DELETE', path, { headers: bearer(accessToken) })).status).toBe(204);
    const answers = [
      await signInWith(app, newPasskey(), { userHandle: 'bm9ib2R5' }),
      await signInWith(app, removed.passkey),
      await signInWith(app, passkey, { origin: 'https://evil.example' }),
      await signInWith(app, passkey, { userHandle: 'bm9ib2R5' }),
    ];
    await app.person({ ...person, status: 'inactive' });
    answers.push(await signInWith(app, passkey, { userVerified: false }));
    const seen = answers.map(({ status, text, headers }) => [
      status,
      text.replace(/"requestId":"\w+"/, ''),
      headers.get('content-length'),
    ]);
    for (const each of seen) expect(each).toEqual(seen[0]);
    expect(seen[0]?.[0]).toBe(401);
  });

  test('tells the state of an account to its passkey only, and makes no session', async () => {
    const organisation = await app.organisation();
    const { person, passkey } = await personWithPasskey(app, { organisation });
    await app.load({ kind: 'organisation', id: organisation, name: 'x', isSuspended: true });
    expect(failed(await signInWith(app, passkey))).toEqual([403, 'account-refused']);
    await app.load({ kind: 'organisation', id: organisation, name: 'x' });
    for (const status of ['inactive', 'deleted']) {
      await app.person({ ...person, organisation, status });
      const { challenge_token, options } = await signInOptions(app);
      const response = passkey.sign(options);
      expect(failed(await send(challenge_token, response))).toEqual([403, 'account-refused']);
      expect(failed(await send(challenge_token, response))).toEqual([401, 'invalid-ticket']);
    }
    await app.person({ ...person, organisation, status: 'active' });
    expect((await signInWith(app, passkey)).status).toBe(200);
  });

  test('TH-6: lets the owner in while others guess passwords', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const guess = (password: string) => app.post('/auth/login', { username: person.email, password });
    for (let each = 0; each < 3; each += 1) await guess('a wrong password');
    expect((await guess(person.password)).status).toBe(429);
    expect((await signInWith(app, passkey)).status).toBe(200);
    // As any completed sign-in does, it ended the wait.
    expect((await guess(person.password)).status).toBe(200);
  });

  test('TH-6: lets the owner of a locked account in, and leaves the lock', async () => {
    const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
    const { person, passkey } = await personWithPasskey(app, { organisation });
    const guess = (password: string) => app.post('/auth/login', { username: person.email, password });
    for (let each = 0; each < 2; each += 1) await guess('a wrong password');
    expect((await signInWith(app, passkey)).status).toBe(200);
    const state = await app.core.store.attempts.state(accountKey(person.id));
    expect(state?.lockedUntil).toBeGreaterThan(app.core.clock.now());
    expect((await guess(person.password)).status).toBe(401);
  });

  test('is all that is asked for: by an organisation, by the account, for a device', async () => {
    const organisation = await app.organisation({ settings: { mfaForStudents: true } });
    const { person, passkey } = await personWithPasskey(app, {
      secondFactor: { email: true },
      recogniseDevices: true,
      devices: ['a device'],
    });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const answer = await signInWith(app, passkey);
    expect(answer.status, answer.text).toBe(200);
    const role = { organisation, role: 'Student' };
    const switched = await app.post('/v1/session/switch', role, bearer(answer.body.accessToken));
    expect(switched.status, switched.text).toBe(200);
  });

  test('makes an address wait that fails too often', async () => {
    const strict = await startApp(engine, {
      LATCHKEY_PUBLIC_URL: PUBLIC_URL,
      LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":5,"seconds":60}',
    });
    const { passkey } = await personWithPasskey(strict);
    for (let each = 0; each < 5; each += 1)
      expect((await signInWith(strict, newPasskey(), { userHandle: 'bm9ib2R5' })).status).toBe(401);
    const waiting = await signInWith(strict, passkey);
    expect(failed(waiting)).toEqual([429, 'too-many-requests']);
    expect(Number(waiting.headers.get('retry-after'))).toBeGreaterThan(0);
    await strict.stop();
  });

  test('a passkey that was made by somebody who is signed in as somebody else is not theirs', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const thief = await app.person();
    const { accessToken } = await signInNative(app, thief);
    expect((await enrol(app, accessToken, passkey)).status).toBe(409);
    // The refused registration has told the authenticator another handle.
    const answer = await signInWith(app, passkey);
    expect(failed(answer)).toEqual([401, 'invalid-passkey']);
    expect((await app.core.store.passkeys.byId(passkey.id))?.accountId).toBe(person.id);
  });
});
