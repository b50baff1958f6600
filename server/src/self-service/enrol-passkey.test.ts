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
  signInNative,
  signInOptions,
  signInWith,
} from '../../testing/passkeys.ts';
import type { Forgery } from '../../testing/software-passkey.ts';

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

describe.each(ENGINES)('adding a passkey, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_PUBLIC_URL: PUBLIC_URL });
  });
  afterAll(() => app.stop());

  const { list, remove, add } = passkeyRequests(() => app);
  const failed = ({ status, body }: Answer) => [status, body.error?.code];

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
    ['that is larger than any that is used', { algorithm: 'RS256', modulusBytes: 1280 }],
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
