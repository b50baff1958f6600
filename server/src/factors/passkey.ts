import { consumePasskeyCounter } from '../store/consume.ts';
import type { Change } from '../store/engine.ts';
import type { Passkey } from '../store/passkeys.ts';
import type { Factor } from './factor.ts';
import { challengeEnd } from './passkey-challenge.ts';
import { readClientData } from './passkey-response.ts';
import { type RightAssertion, userHandleOf } from './webauthn.ts';

/**
 * What `amr` says of a passkey (RFC 8176): where its key is, that somebody was there whom the authenticator knew, and that
 * both together are two factors.
 */
export function methodsOf({ deviceType }: Passkey): string[] {
  return [deviceType === 'singleDevice' ? 'hwk' : 'swk', 'user', 'mfa'];
}

/** Takes what a passkey has signed; guard `code`. @param at milliseconds since 1970 */
export function spendAssertion(
  passkey: Passkey,
  { counter, isBackedUp }: RightAssertion,
  at: number,
): Change {
  return consumePasskeyCounter({
    credentialId: passkey.id,
    accountId: passkey.accountId,
    counter,
    isBackedUp,
    at,
  });
}

/** A passkey of the account that has signed a challenge of this very ticket. */
export const passkey: Factor = {
  isGuessable: false,
  async check({ proof, ticket, account, now, vault, store, webauthn }) {
    if (proof.kind !== 'passkey') return null;
    const { response } = proof;
    const bond = { ceremony: 'second-factor', ticketHash: ticket.secretHash } as const;
    const clientData = readClientData(response.clientDataJSON);
    if (clientData === null || challengeEnd(clientData.challenge, bond, now, vault) === null) return null;
    const owned = await store.passkeys.byId(response.id);
    if (owned === null || owned.accountId !== account.id) return null;
    if (response.userHandle !== null && response.userHandle !== userHandleOf(account.id, vault)) return null;
    const signed = await webauthn.checkSigned(response, owned);
    if (signed === null) return null;
    if (signed.isCloned) return { wrong: 'passkey-cloned' };
    return { methods: methodsOf(owned), spends: [spendAssertion(owned, signed, now)] };
  },
};
