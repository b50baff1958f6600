import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { newPasskey, PUBLIC_URL, RP_ID } from '../../testing/passkeys.ts';
import type { Forgery, SoftwarePasskey } from '../../testing/software-passkey.ts';
import { addPasskey } from '../store/passkeys.ts';
import type { Proof, Shown } from './factor.ts';
import { passkey } from './passkey.ts';
import { type ChallengeBond, passkeyChallenge } from './passkey-challenge.ts';
import type { PasskeyAssertion, PasskeyAttestation } from './passkey-response.ts';
import { createWebauthn, userHandleOf } from './webauthn.ts';

// What a passkey amounts to as a second factor, without a door.

const [ADA, BOB] = [uuid(1), uuid(2)];

describe.each(ENGINES)('a passkey as a proof, on %s', (engine) => {
  const webauthn = createWebauthn(() => ({ id: RP_ID, origins: [PUBLIC_URL] }));
  let core: TestCore;
  let key: SoftwarePasskey;
  let bond: ChallengeBond;
  beforeAll(async () => {
    core = await openTestCore(engine);
    await loadDirectory(core, [
      { kind: 'account', id: ADA, username: 'ada' },
      { kind: 'account', id: BOB, username: 'bob' },
    ]);
  });
  afterAll(() => core.close());
  beforeEach(async () => {
    bond = { ceremony: 'second-factor', ticketHash: randomBytes(8).toString('hex') };
    key = await known(newPasskey());
  });

  const handedOver = <Response>(credential: object): Response => {
    const { id, response } = credential as { id: string; response: object };
    return { id, userHandle: null, ...response } as Response;
  };

  /** Makes a passkey known as Ada's. */
  async function known(made: SoftwarePasskey): Promise<SoftwarePasskey> {
    const user = { id: userHandleOf(ADA, core.vault) };
    const attestation = handedOver<PasskeyAttestation>(made.make({ challenge: 'AAAA', user }));
    const right = await webauthn.checkMade(attestation);
    if (right === null) throw new Error('the passkey is not right');
    const times = { createdAt: core.clock.now(), lastUsedAt: null };
    await core.store.commit([addPasskey({ ...right, accountId: ADA, name: null, ...times })]);
    return made;
  }

  const challenge = (of = bond, seconds = 300) =>
    Buffer.from(passkeyChallenge(of, core.clock.now() + seconds * 1000, core.vault)).toString('base64url');
  const signed = (forgery: Forgery = {}, by = key): Proof => {
    const response = handedOver<PasskeyAssertion>(by.sign({ challenge: challenge() }, forgery));
    return { kind: 'passkey', response };
  };
  const check = (proof: Proof, account = ADA) => {
    const { vault, store, clock } = core;
    const who = { ticket: { secretHash: bond.ticketHash }, account: { id: account } } as unknown as Shown;
    return passkey.check({ ...who, proof, now: clock.now(), vault, store, webauthn });
  };

  test('is two factors by itself, says where its key is, and is not found by trying', async () => {
    expect(passkey.isGuessable).toBe(false);
    expect(await check(signed())).toMatchObject({ methods: ['hwk', 'user', 'mfa'] });
    const synced = await known(newPasskey({ synced: true }));
    expect(await check(signed({}, synced))).toMatchObject({ methods: ['swk', 'user', 'mfa'] });
  });

  test('is good whether or not it says whose it is, as long as that is so', async () => {
    for (const userHandle of [null, userHandleOf(ADA, core.vault)])
      expect(await check(signed({ userHandle }))).toMatchObject({ methods: ['hwk', 'user', 'mfa'] });
    expect(await check(signed({ userHandle: userHandleOf(BOB, core.vault) }))).toBeNull();
  });

  test('spends what was signed: the same counts once', async () => {
    const proven = await check(signed());
    const spends = proven !== null && 'spends' in proven ? proven.spends : [];
    expect(spends).toHaveLength(1);
    expect(await core.store.commit(spends)).toMatchObject({ ok: true });
    expect(await core.store.commit(spends)).toMatchObject({ ok: false, guard: 'code' });
    expect(await core.store.passkeys.byId(key.id)).toMatchObject({ counter: 1 });
    expect(await check(signed({ counter: 1 }))).toEqual({ wrong: 'passkey-cloned' });
  });

  test.each<readonly [string, () => Proof]>([
    ['a code', () => ({ kind: 'code', code: '287082' })],
    ['what nobody knows', () => signed({}, newPasskey())],
    [
      'what no browser says',
      () => signed({ tamper: (response) => ({ ...response, clientDataJSON: 'bm90' }) }),
    ],
    ['another ticket’s', () => signed({ challenge: challenge({ ...bond, ticketHash: 'another' }) })],
    ['of another ceremony', () => signed({ challenge: challenge({ ...bond, ceremony: 'sign-in' }) })],
    ['too late', () => signed({ challenge: challenge(bond, 0) })],
    ['not signed', () => signed({ tamper: (response) => ({ ...response, signature: 'AA' }) })],
  ])('%s is none', async (_, proof) => {
    expect(await check(proof())).toBeNull();
    expect(await check(signed())).not.toBeNull();
  });

  test('is nobody else’s proof, though it does not say whose it is', async () => {
    expect(await check(signed({ userHandle: null }), BOB)).toBeNull();
  });
});
