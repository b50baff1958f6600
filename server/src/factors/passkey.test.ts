import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import {
  bearer,
  enrolmentOptions,
  newPasskey,
  PUBLIC_URL,
  personWithPasskey,
  sessionBehind,
  signInOptions,
  signInWith,
} from '../../testing/passkeys.ts';
import type { Forgery, SoftwarePasskey } from '../../testing/software-passkey.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { readTables } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

/** The contracts whose steps are completed at /v1. The others have a field for a code, and for nothing else. */
const CHALLENGE_CONTRACTS = ['profile', 'credential-type', 'login'];

const FORGERIES: readonly (readonly [string, Forgery])[] = [
  ['another origin', { origin: 'https://evil.example' }],
  ['another relying party', { rpId: 'evil.example' }],
  ['another ceremony', { type: 'webauthn.create' }],
  ['another challenge', { challenge: 'AAAAAAAAAAAAAAAAAAAAAAAA' }],
  ['a frame in another site', { crossOrigin: true }],
  ['nobody there', { userPresent: false }],
  ['nobody verified', { userVerified: false }],
  ['another id', { id: 'bm9ib2R5' }],
  ['another user handle', { userHandle: 'bm9ib2R5' }],
  ['the signature of nothing', { tamper: (response) => ({ ...response, signature: 'AA' }) }],
];

describe.each(ENGINES)('a passkey as a second factor, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_PUBLIC_URL: PUBLIC_URL, LATCHKEY_SIGN_IN_MAX_FAILURES: '8' });
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const WITH_PIN = { secondFactor: { email: true } };
  const begin = async (person: Person, contract = 'login') => (await openStep(app, contract, person)).ticket;
  const optionsFor = (challenge_token: string) => app.post('/v1/challenges/passkey', { challenge_token });
  const verify = (challenge_token: string, passkey: object) =>
    app.post('/v1/challenges/verify', { challenge_token, passkey });
  const prove = async (ticket: string, passkey: SoftwarePasskey, forgery: Forgery = {}) => {
    const { body } = await optionsFor(ticket);
    return verify(ticket, passkey.sign(body.options, forgery));
  };
  const failed = ({ status, body }: Answer) => [status, body.error?.code];
  const sessionsOf = async (id: string) =>
    ((await readTables(app.core.config.store.url)).sessions ?? []).filter((row) => row.account_id === id);

  test.each(CHALLENGE_CONTRACTS)('completes a sign-in at %s, in its words', async (contract) => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    const ticket = await begin(person, contract);
    const answer = await prove(ticket, passkey);
    const token = accessTokenIn(contract, answer);
    expect(token, answer.text).toBeDefined();
    expect((await sessionBehind(app, token ?? '')).amr).toEqual(['pwd', 'hwk', 'user', 'mfa']);
  });

  test('stands beside the other factors: either does', async () => {
    const { person, passkey } = await personWithPasskey(app);
    await app.person({ ...person, secondFactor: { totp: SEED } });
    expect((await prove(await begin(person), passkey)).status).toBe(200);
    const challenge_token = await begin(person);
    expect((await optionsFor(challenge_token)).status).toBe(200);
    const code = totpCode(app.core.clock.now());
    expect((await app.post('/v1/challenges/verify', { challenge_token, code })).status).toBe(200);
  });

  test('is named to whoever has shown the password, with nothing of anybody else', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    const answer = await optionsFor(await begin(person));
    expect(answer.body).toEqual({
      options: {
        challenge: expect.stringMatching(/^[\w-]{43,}$/),
        rpId: 'id.example.com',
        timeout: 300_000,
        userVerification: 'required',
        allowCredentials: [{ id: passkey.id, type: 'public-key', transports: ['internal', 'hybrid'] }],
      },
    });
  });

  test('is not there where the account has none, where a device is due, or without a ticket', async () => {
    const person = await app.person(WITH_PIN);
    expect(failed(await optionsFor(await begin(person)))).toEqual([404, 'no-such-passkey']);
    for (const ticket of ['x'.repeat(43), 'a.b.c'])
      expect(failed(await optionsFor(ticket))).toEqual([401, 'invalid-ticket']);
    const device = { recogniseDevices: true };
    const { person: owner, passkey } = await personWithPasskey(app);
    await app.person({ ...owner, ...device, devices: ['another device'] });
    const ticket = await begin(owner);
    expect(failed(await optionsFor(ticket))).toEqual([404, 'no-such-passkey']);
    const { options } = await signInOptions(app);
    expect(failed(await verify(ticket, passkey.sign(options)))).toEqual([401, 'invalid-passkey']);
  });

  test.each(STEP_CONTRACTS)('does not by itself ask for anything at %s', async (contract) => {
    const { person } = await personWithPasskey(app);
    expect(accessTokenIn(contract, await signIn(app, contract, person))).toBeDefined();
  });

  test('answers a role that asks for a second factor', async () => {
    const organisation = await app.organisation({ settings: { mfaForStudents: true } });
    const { person, passkey } = await personWithPasskey(app);
    const { body } = await signIn(app, 'login', person);
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const due = await app.post(
      '/v1/session/switch',
      { organisation, role: 'Student' },
      bearer(body.access_token),
    );
    expect(failed(due)).toEqual([403, 'second-factor-required']);
    expect((await prove(due.body.challenge_token, passkey)).status).toBe(200);
  });

  test('answers an organisation for which a mailed PIN is not enough', async () => {
    const organisation = await app.organisation({
      settings: { requireSecondFactorFor: ['Student'], allowEmailPin: false },
    });
    const { person, passkey } = await personWithPasskey(app);
    const other = await app.person();
    for (const account of [person.id, other.id])
      await app.load({ kind: 'membership', account, organisation, role: 'Student' });
    expect((await prove(await begin(person), passkey)).status).toBe(200);
    const without = await app.post('/v1/sign-in', { identifier: other.email, password: other.password });
    expect(failed(without)).toEqual([403, 'account-refused']);
  });

  test.each(FORGERIES)('MF-7: is refused with %s, and counted', async (_what, forgery) => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    const ticket = await begin(person);
    const before = (await sessionsOf(person.id)).length;
    const answer = await prove(ticket, passkey, forgery);
    expect(failed(answer), answer.text).toEqual([401, 'invalid-passkey']);
    expect(await sessionsOf(person.id)).toHaveLength(before);
    const state = await app.core.store.attempts.state(`factor:account:${person.id}`);
    expect(state?.failures).toBe(1);
    expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject({
      event: 'code.refused',
      reason: 'second-factor',
    });
    expect((await prove(ticket, passkey)).status).toBe(200);
  });

  test('MF-7: a passkey of somebody else’s is none, whatever it says', async () => {
    const [one, other] = [await personWithPasskey(app, WITH_PIN), await personWithPasskey(app, WITH_PIN)];
    const ticket = await begin(one.person);
    expect(failed(await prove(ticket, other.passkey))).toEqual([401, 'invalid-passkey']);
    expect(failed(await prove(ticket, other.passkey, { userHandle: null }))).toEqual([
      401,
      'invalid-passkey',
    ]);
    expect(failed(await prove(ticket, other.passkey, { id: one.passkey.id }))).toEqual([
      401,
      'invalid-passkey',
    ]);
    expect(failed(await prove(ticket, newPasskey()))).toEqual([401, 'invalid-passkey']);
    expect((await prove(ticket, one.passkey)).status).toBe(200);
  });

  test('MF-7: a challenge is of its ticket, and of its ceremony', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    const [one, second] = [await begin(person), await begin(person)];
    const session = (await signInWith(app, passkey)).body;
    const others = [
      (await optionsFor(second)).body.options,
      (await signInOptions(app)).options,
      (await enrolmentOptions(app, session.accessToken)).body.options,
    ];
    for (const options of others)
      expect(failed(await verify(one, passkey.sign(options)))).toEqual([401, 'invalid-passkey']);
    expect((await prove(one, passkey)).status).toBe(200);
  });

  test('MF-7: a challenge is good for five minutes, though its ticket lives longer', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    const ticket = await begin(person);
    const { options } = (await optionsFor(ticket)).body;
    app.core.clock.advance(301);
    expect(failed(await verify(ticket, passkey.sign(options)))).toEqual([401, 'invalid-passkey']);
    expect((await prove(ticket, passkey)).status).toBe(200);
  });

  test('MF-7: what was answered is answered no more', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN, { counts: false });
    const ticket = await begin(person);
    const { options } = (await optionsFor(ticket)).body;
    const response = passkey.sign(options);
    expect((await verify(ticket, response)).status).toBe(200);
    expect(failed(await verify(ticket, response))).toEqual([401, 'invalid-ticket']);
    expect(failed(await verify(await begin(person), response))).toEqual([401, 'invalid-passkey']);
    expect(failed(await optionsFor(ticket))).toEqual([401, 'invalid-ticket']);
  });

  test('MF-7: a copy is refused, and written down as one', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    expect((await prove(await begin(person), passkey, { counter: 9 })).status).toBe(200);
    const ticket = await begin(person);
    expect(failed(await prove(ticket, passkey, { counter: 9 }))).toEqual([401, 'invalid-passkey']);
    expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject({
      event: 'code.refused',
      reason: 'passkey-cloned',
    });
    expect((await prove(ticket, passkey, { counter: 10 })).status).toBe(200);
  });

  test('MF-4: of twenty right answers at once, one makes a session; of wrong ones, five are looked at', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN, { counts: false });
    const before = (await sessionsOf(person.id)).length;
    const ticket = await begin(person);
    const { options } = (await optionsFor(ticket)).body;
    const right = await Promise.all(Array.from({ length: 20 }, () => verify(ticket, passkey.sign(options))));
    expect(right.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await sessionsOf(person.id)).toHaveLength(before + 1);

    const guessed = await begin(person);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => verify(guessed, passkey.sign({ challenge: 'AAAA' }))),
    );
    expect(answers.filter(({ body }) => body.error.code === 'invalid-passkey')).toHaveLength(5);
    expect(failed(await optionsFor(guessed))).toEqual([401, 'invalid-ticket']);
    expect(failed(await verify(guessed, passkey.sign({ challenge: 'AAAA' })))).toEqual([
      401,
      'invalid-ticket',
    ]);
  });

  test('TH-5: wrong passkeys and wrong codes have one counter', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    for (let each = 0; each < 4; each += 1) {
      const challenge_token = await begin(person);
      await prove(challenge_token, passkey, { origin: 'https://evil.example' });
      await app.post('/v1/challenges/verify', { challenge_token, code: 'wrong' });
    }
    expect(failed(await prove(await begin(person), passkey))).toEqual([429, 'too-many-requests']);
    // By itself it is let in all the same, and that ends the wait.
    expect((await signInWith(app, passkey)).status).toBe(200);
    expect((await prove(await begin(person), passkey)).status).toBe(200);
  });

  test('one that was removed is none, though its ticket was there before', async () => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    const { accessToken } = (await signInWith(app, passkey)).body;
    const path = `/v1/factors/passkeys/${passkey.id}`;
    expect((await app.request('DELETE', path, { headers: bearer(accessToken) })).status).toBe(204);
    const ticket = await begin(person);
    expect(failed(await optionsFor(ticket))).toEqual([404, 'no-such-passkey']);
  });

  test.each([
    ['neither a code nor a passkey', {}],
    ['both', { code: '123456', passkey: {} }],
    ['both, one of them null', { code: '123456', passkey: null }],
    ['a passkey that is a text', { passkey: 'x' }],
    ['a passkey that is a list', { passkey: [] }],
    ['a passkey without its response', { passkey: { id: 'AA', type: 'public-key' } }],
    ['a passkey of another type', { passkey: { id: 'AA', type: 'password', response: {} } }],
  ])('%s is a bad request, and spends no try', async (_what, more) => {
    const { person, passkey } = await personWithPasskey(app, WITH_PIN);
    const challenge_token = await begin(person);
    for (let each = 0; each < 6; each += 1)
      expect(failed(await app.post('/v1/challenges/verify', { challenge_token, ...more }))).toEqual([
        400,
        'bad-request',
      ]);
    expect((await prove(challenge_token, passkey)).status).toBe(200);
  });
});
