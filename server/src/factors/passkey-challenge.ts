import { equalSecrets, type Vault } from '../crypto/vault.ts';

/** How long what a passkey is asked to sign is good (WebAuthn §13.4.3 asks for minutes at most). */
export const CHALLENGE_SECONDS = 300;

/** What a challenge is for, and nothing else: a ceremony, and the ticket that goes with it. */
export interface ChallengeBond {
  readonly ceremony: 'registration' | 'sign-in' | 'second-factor';
  /** The hash of the ticket's secret: whoever answers holds the ticket. */
  readonly ticketHash: string;
}

/**
 * What a passkey is asked to sign. It says by itself until when it is good and what it is for, by a keyed hash of 256 bits, so
 * that whoever only asks leaves nothing in the store.
 * @param expiresAt milliseconds since 1970
 */
export function passkeyChallenge(bond: ChallengeBond, expiresAt: number, vault: Vault): string {
  const { ceremony, ticketHash } = bond;
  return `${expiresAt}.${vault.hash('passkey-challenge', `${ceremony}\0${ticketHash}\0${expiresAt}`)}`;
}

/**
 * Until when a challenge is good, in milliseconds since 1970; null when it is none of these, or no longer.
 * @param signed as it stands in the client data: in base64url
 * @param now milliseconds since 1970
 */
export function challengeEnd(signed: string, bond: ChallengeBond, now: number, vault: Vault): number | null {
  const expiresAt = Number(Buffer.from(signed, 'base64url').toString('utf8').split('.')[0]);
  const ours = Buffer.from(passkeyChallenge(bond, expiresAt, vault)).toString('base64url');
  return expiresAt > now && equalSecrets(signed, ours) ? expiresAt : null;
}
