import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createVault } from '../crypto/vault.ts';
import { type ChallengeBond, challengeEnd, passkeyChallenge } from './passkey-challenge.ts';

const NOW = 1_800_000_000_000;
const END = NOW + 300_000;
const BOND: ChallengeBond = { ceremony: 'sign-in', ticketHash: 'ticket' };
const newVault = () => createVault(randomBytes(32), { bytes: (count) => randomBytes(count) });
const vault = newVault();
/** As it stands in the client data. */
const signed = (challenge: string) => Buffer.from(challenge).toString('base64url');
const challenge = (bond = BOND, end = END) => signed(passkeyChallenge(bond, end, vault));

test('a challenge is good until the millisecond that it says', () => {
  const endAt = (now: number) => challengeEnd(challenge(), BOND, now, vault);
  expect([NOW, END - 1, END, END + 1].map(endAt)).toEqual([END, END, null, null]);
});

test('a challenge is taken by the next version too, beside which this one may still serve', () => {
  const known = createVault(Buffer.alloc(32, 1), { bytes: (count) => randomBytes(count) });
  const made = signed('1800000300000.rxAgUJSZsiKlVSPt31GObuQlIzzoQJnfncvWhUIxRXs');
  expect(challengeEnd(made, BOND, NOW, known)).toBe(END);
});

test('two challenges differ where their ends do, and what is signed of one says nothing of the secret', () => {
  expect(challenge()).not.toBe(challenge(BOND, END + 1));
  expect(Buffer.from(challenge(), 'base64url').toString()).toMatch(/^1800000300000\.[\w-]{43}$/);
});

test.each<readonly [string, () => string]>([
  ['of another ceremony', () => challenge({ ...BOND, ceremony: 'second-factor' })],
  ['of another ticket', () => challenge({ ...BOND, ticketHash: 'another' })],
  ['whose parts are shifted', () => challenge({ ...BOND, ticketHash: `ticket\0${END}` })],
  ['of another installation', () => signed(passkeyChallenge(BOND, END, newVault()))],
  ['that was made longer', () => signed(passkeyChallenge(BOND, END, vault).replace(/^\d+/, `${END + 1}`))],
  ['with another spelling of its end', () => signed(`0${passkeyChallenge(BOND, END, vault)}`)],
  ['without an end', () => challenge(BOND, Number.NaN)],
  ['that is only a time', () => signed(`${END}`)],
  ['that is empty', () => ''],
])('a challenge %s is none', (_, made) => {
  expect(challengeEnd(made(), BOND, NOW, vault)).toBeNull();
});
