import { maskedAddress } from '../accounts/masked-address.ts';
import { ownerBehind } from '../sessions/owner.ts';
import type { Command, Outcome } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';

/** Tells the owner of an account which second factors it has. */
export async function listFactors(
  corridor: Corridor,
  attempt: Attempt,
  { token }: Extract<Command, { kind: 'list-factors' }>,
): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const { id, email, factors } = owner.account;
  return {
    kind: 'factors',
    factors: {
      email: { isOn: factors.email, address: email === null ? null : maskedAddress(email) },
      totp: { isOn: factors.totpSealed !== null },
      recoveryCodes: { left: (await corridor.store.recoveryCodes.leftOf(id)).size },
    },
  };
}
