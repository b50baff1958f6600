import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createSoftwarePasskey, type Forgery } from '../../testing/software-passkey.ts';
import { createVault } from '../crypto/vault.ts';
import type { Passkey } from '../store/passkeys.ts';
import type { PasskeyAssertion, PasskeyAttestation } from './passkey-response.ts';
import { createWebauthn, userHandleOf } from './webauthn.ts';

// The ceremonies by themselves: what each door makes of them is tested with the doors.

const RP_ID = 'example.com';
const ORIGIN = 'https://id.example.com';
const webauthn = createWebauthn(() => ({ id: RP_ID, origins: [ORIGIN, 'https://app.example.com'] }));
const options = () => ({ challenge: randomBytes(32).toString('base64url'), user: { id: 'b3duZXI' } });

/** What a browser hands over, as the doors read it. */
const handedOver = <Response>(credential: object): Response => {
  const { id, response } = credential as { id: string; response: object };
  return { id, userHandle: null, ...response } as Response;
};

type Key = ReturnType<typeof createSoftwarePasskey>;
type Settings = Parameters<typeof createSoftwarePasskey>[0];
const newKey = (settings: Partial<Settings> = {}): Key =>
  createSoftwarePasskey({ rpId: RP_ID, origin: ORIGIN, ...settings });
const made = (key: Key, forgery?: Forgery) =>
  webauthn.checkMade(handedOver<PasskeyAttestation>(key.make(options(), forgery)));

/** A key that is known, and what is known of it. */
async function knownKey(settings: Partial<Settings> = {}, changed: Partial<Passkey> = {}) {
  const key = newKey(settings);
  const passkey = { ...(await made(key)), ...changed } as Passkey;
  const signed = (forgery?: Forgery, as = passkey) =>
    webauthn.checkSigned(handedOver<PasskeyAssertion>(key.sign(options(), forgery)), as);
  return { key, passkey, signed };
}

/** What a public key of RSA has in COSE beside its modulus. */
const AROUND_MODULUS_BYTES = 16;

/** What neither ceremony may take. */
const WRONG: readonly (readonly [string, Forgery])[] = [
  ['another page', { origin: 'https://example.org' }],
  ['a page inside another one’s', { crossOrigin: true }],
  ['a page whose top is another one', { topOrigin: 'https://example.org' }],
  ['another relying party', { rpId: 'id.example.com' }],
  ['nobody who was there', { userPresent: false }],
  ['nobody who was recognised', { userVerified: false }],
  ['no JSON', { tamper: (response) => ({ ...response, clientDataJSON: 'bm90aGluZw' }) }],
  ['nothing', { tamper: (response) => ({ ...response, clientDataJSON: 'bnVsbA' }) }],
];

describe('a passkey that was made', () => {
  test.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'with %s is taken, as it says that it is',
    async (algorithm) => {
      const key = newKey({ algorithm });
      expect(await made(key)).toEqual({
        id: key.id,
        publicKey: expect.stringMatching(/^[\w-]{40,}$/),
        counter: 0,
        transports: ['internal', 'hybrid'],
        deviceType: 'singleDevice',
        isBackedUp: false,
      });
      expect(await made(newKey({ algorithm, synced: true }))).toMatchObject({
        deviceType: 'multiDevice',
        isBackedUp: true,
      });
    },
  );

  test.each<readonly [string, Forgery]>([
    ['another ceremony', { type: 'webauthn.get' }],
    ...WRONG,
    ['another id than its own', { id: randomBytes(32).toString('base64url') }],
    ['no object', { tamper: (response) => ({ ...response, clientDataJSON: 'NQ' }) }],
    ['no object of attestation', { tamper: (response) => ({ ...response, attestationObject: 'oA' }) }],
  ])('with %s is refused', async (_, forgery) => {
    const key = newKey();
    expect(await made(key, forgery)).toBeNull();
    expect(await made(key)).not.toBeNull();
  });

  test.each<[string, Partial<Settings>]>([
    ['of a kind that was not asked for', { algorithm: 'ES384' }],
    ['that costs too much to use', { algorithm: 'RS256', modulusBytes: 1280 }],
    ['whose key is of 1,101 bytes', { algorithm: 'RS256', modulusBytes: 1101 - AROUND_MODULUS_BYTES }],
    ['whose id is of 1,024 bytes', { idBytes: 1024 }],
  ])('%s is refused', async (_, settings) => {
    expect(await made(newKey(settings))).toBeNull();
  });

  test('whose key is none, a point beside the curve, is refused', async () => {
    // The key is what the object ends with, and y what the key ends with.
    const tamper: Forgery['tamper'] = (response) => {
      const bytes = Buffer.from(response.attestationObject ?? '', 'base64url');
      bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1);
      return { ...response, attestationObject: bytes.toString('base64url') };
    };
    expect(await made(newKey(), { tamper })).toBeNull();
  });

  test.each<[string, Partial<Settings>]>([
    ['whose id is of 1,023 bytes', { idBytes: 1023 }],
    ['of RSA with 8,192 bits', { algorithm: 'RS256', modulusBytes: 1024 }],
    ['whose key is of 1,100 bytes', { algorithm: 'RS256', modulusBytes: 1100 - AROUND_MODULUS_BYTES }],
  ])('%s is taken', async (_, settings) => {
    expect(await made(newKey(settings))).not.toBeNull();
  });
});

describe('what a passkey has signed', () => {
  test('is right on each page that may use it, and tells its counter', async () => {
    const { signed } = await knownKey();
    const right = { counter: 1, isBackedUp: false, isCloned: false };
    expect(await signed()).toEqual(right);
    expect(await signed({ origin: 'https://app.example.com' })).toEqual({ ...right, counter: 2 });
  });

  test.each<readonly [string, Forgery]>([
    ['another ceremony', { type: 'webauthn.create' }],
    ...WRONG,
    ['the id of another key', { id: randomBytes(32).toString('base64url') }],
    ['another kind of key than it was', { synced: true }],
    [
      'a challenge put in after',
      {
        tamper: (response) => ({
          ...response,
          clientDataJSON: Buffer.from(
            JSON.stringify({
              type: 'webauthn.get',
              challenge: 'YW5vdGhlcg',
              origin: ORIGIN,
              crossOrigin: false,
            }),
          ).toString('base64url'),
        }),
      },
    ],
  ])('with %s is refused', async (_, forgery) => {
    const { signed } = await knownKey();
    expect(await signed(forgery)).toBeNull();
    expect(await signed()).not.toBeNull();
  });

  test('is nothing for another key', async () => {
    const [one, other] = [await knownKey(), await knownKey()];
    expect(await one.signed({}, other.passkey)).toBeNull();
    expect(await one.signed({}, { ...other.passkey, id: one.passkey.id })).toBeNull();
  });

  test('tells whether the key is kept elsewhere too, now', async () => {
    const { signed } = await knownKey({ synced: true });
    expect(await signed()).toMatchObject({ isBackedUp: true });
    expect(await signed({ backedUp: false })).toMatchObject({ isBackedUp: false });
  });

  test.each([
    [7, 8, false],
    [7, 7, true],
    [7, 6, true],
    [7, 0, true],
    [0, 1, false],
    [0, 0, false],
  ])('after a counter of %i with one of %i is a copy’s: %s', async (before, counter, isCloned) => {
    const { signed } = await knownKey({}, { counter: before });
    expect(await signed({ counter })).toMatchObject({ counter, isCloned });
  });
});

test('an account is to authenticators what it always was: they keep it for years', () => {
  const vault = createVault(Buffer.alloc(32, 1), { bytes: (count) => randomBytes(count) });
  expect(userHandleOf('ada', vault)).toBe('zt3At_zUaqL5VVHRVeIGSf9QVduBbYTYaKPofk2SCeA');
});

describe('what a browser is told', () => {
  /** The browser signs the text that it is given, whatever its bytes. */
  const encoded = (challenge: string) => Buffer.from(challenge).toString('base64url');
  const known = { id: 'a2V5', transports: ['usb'] } as unknown as Passkey;

  test('to make one: whom for, of which kinds, and which ones there are', async () => {
    const owner = { userHandle: 'b3duZXI', name: 'ada', displayName: 'Ada' };
    expect(await webauthn.creationOptions(owner, [known], 'Y2hhbGxlbmdl')).toMatchObject({
      challenge: encoded('Y2hhbGxlbmdl'),
      rp: { id: RP_ID, name: RP_ID },
      user: { id: 'b3duZXI', name: 'ada', displayName: 'Ada' },
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: 'public-key', alg })),
      excludeCredentials: [{ id: 'a2V5', transports: ['usb'], type: 'public-key' }],
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      attestation: 'none',
      timeout: 300_000,
    });
  });

  test('to use one: of those that are named, or whichever it finds', async () => {
    const asked = {
      challenge: encoded('Y2hhbGxlbmdl'),
      rpId: RP_ID,
      timeout: 300_000,
      userVerification: 'required',
    };
    const named = { allowCredentials: [{ id: 'a2V5', transports: ['usb'], type: 'public-key' }] };
    expect(await webauthn.requestOptions([known], 'Y2hhbGxlbmdl')).toMatchObject({ ...asked, ...named });
    const found = await webauthn.requestOptions(null, 'Y2hhbGxlbmdl');
    expect(found).toMatchObject(asked);
    expect((found as { allowCredentials?: unknown }).allowCredentials).toBeUndefined();
  });
});
