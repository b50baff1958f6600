import { declined } from '../commands/decline.ts';
import { CHALLENGE_SECONDS, passkeyChallenge } from '../factors/passkey-challenge.ts';
import { type Outcome, refused } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { readStepTicket } from './prove.ts';

/**
 * What a passkey of the account must sign to pass the step that a ticket waits for. The account's passkeys are named, to
 * whoever has shown its password. A device is confirmed by a mailed code only.
 */
export async function passkeyStepOptions(
  corridor: Corridor,
  attempt: Attempt,
  presented: string,
): Promise<Outcome> {
  const taken = await readStepTicket(corridor, attempt, presented);
  if (!taken) return refused('ticket-invalid');
  const { ticket, account } = taken;
  const passkeys = ticket.step === 'second-factor' ? await corridor.store.passkeys.ofAccount(account.id) : [];
  if (passkeys.length === 0) return declined('no-such-passkey');
  const now = corridor.clock.now();
  const expiresAt = Math.min(now + CHALLENGE_SECONDS * 1000, ticket.expiresAt);
  const bond = { ceremony: 'second-factor', ticketHash: ticket.secretHash } as const;
  const challenge = passkeyChallenge(bond, expiresAt, corridor.vault);
  const options = await corridor.webauthn.requestOptions(passkeys, challenge);
  return { kind: 'passkey-options', ticket: null, options };
}
