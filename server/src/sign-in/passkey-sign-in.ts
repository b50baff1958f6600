import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { methodsOf, spendAssertion } from '../factors/passkey.ts';
import { CHALLENGE_SECONDS, challengeEnd, passkeyChallenge } from '../factors/passkey-challenge.ts';
import { readClientData } from '../factors/passkey-response.ts';
import { userHandleOf } from '../factors/webauthn.ts';
import { recordFailedSignIn } from '../store/accounts.ts';
import { consumeChallenge } from '../store/consume.ts';
import type { Change } from '../store/engine.ts';
import type { Passkey } from '../store/passkeys.ts';
import { stateRefusal } from './account-policy.ts';
import { type Command, type Outcome, refused } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { countFailure, throughGate } from './gate.ts';
import { issueForAccount } from './issue.ts';
import { type CredentialRefusal, refuseState } from './refuse.ts';
import { forgiveFailures } from './second-factor.ts';

// A sign-in with a passkey and nothing else, through the same corridor: the credential identifies by itself, and is two
// factors at once, so no step is due after it. As after any second factor, the device is not asked for.

/** The ticket of a sign-in of whoever it will be, and what a passkey of theirs must sign. Nothing is stored. */
export async function passkeySignInOptions(corridor: Corridor): Promise<Outcome> {
  const ticket = opaqueSecret(corridor.random);
  const expiresAt = corridor.clock.now() + CHALLENGE_SECONDS * 1000;
  const challenge = passkeyChallenge(bondOf(ticket), expiresAt, corridor.vault);
  // No credential is named: there is nothing to find out about anybody.
  const options = await corridor.webauthn.requestOptions(null, challenge);
  return { kind: 'passkey-options', ticket, options };
}

/**
 * Signs in whoever the passkey is of. It is not throttled with the account's passwords and codes, nor locked with them: what
 * others guess wrong does not keep its owner out.
 */
export function signInWithPasskey(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'passkey-sign-in' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, () => signIn(corridor, attempt, command));
}

const bondOf = (ticket: string) => ({ ceremony: 'sign-in', ticketHash: secretHash(ticket) }) as const;

async function signIn(
  corridor: Corridor,
  attempt: Attempt,
  { ticket, response }: Extract<Command, { kind: 'passkey-sign-in' }>,
): Promise<Outcome> {
  const { store, vault, clock } = corridor;
  const now = clock.now();
  const clientData = readClientData(response.clientDataJSON);
  if (clientData === null) return refused('ticket-invalid');
  const expiresAt = challengeEnd(clientData.challenge, bondOf(ticket), now, vault);
  if (expiresAt === null) return refused('ticket-invalid');
  const spent = consumeChallenge(secretHash(ticket), expiresAt, CHALLENGE_SECONDS);
  const refuse = (reason: CredentialRefusal, passkey: Passkey | null) =>
    refusePasskey(corridor, attempt, { reason, passkey, spent, origin: clientData.origin });

  const passkey = await store.passkeys.byId(response.id);
  const account = passkey && (await store.accounts.byId(passkey.accountId));
  if (passkey === null || account === null) return refuse('unknown-passkey', null);
  if (response.userHandle !== userHandleOf(account.id, vault)) return refuse('passkey-refused', passkey);
  const signed = await corridor.webauthn.checkSigned(response, passkey);
  if (signed === null) return refuse('passkey-refused', passkey);
  if (signed.isCloned) return refuse('passkey-cloned', passkey);

  const passage = { account, picked: null, device: null };
  const state = stateRefusal(account, attempt.mount, null);
  if (state !== null) {
    const answered = await store.commit([spent]);
    if (!answered.ok) return refused('ticket-invalid');
    return refuseState(corridor, attempt, { ...passage, spends: [], settles: [] }, state);
  }
  // A completed sign-in ends the waits for wrong passwords, but no lock: that is not the passkey's to end.
  const outcome = await issueForAccount(corridor, attempt, {
    ...passage,
    methods: methodsOf(passkey),
    spends: [spent, spendAssertion(passkey, signed, now)],
    settles: [forgiveFailures(account, true, now)],
    steppedUp: false,
  });
  // The counter was overtaken in the meantime, or the passkey removed.
  return outcome.kind === 'refused' && outcome.reason === 'code-invalid'
    ? refuse('passkey-refused', passkey)
    : outcome;
}

interface RefusedPasskey {
  readonly reason: CredentialRefusal;
  readonly passkey: Passkey | null;
  /** A challenge is answered once, rightly or not. */
  readonly spent: Change;
  /** Where the browser says that it was asked: a page that the configuration does not know is the usual mistake. */
  readonly origin: string;
}

const LONGEST_ORIGIN = 256;

async function refusePasskey(
  corridor: Corridor,
  attempt: Attempt,
  { reason, passkey, spent, origin }: RefusedPasskey,
): Promise<Outcome> {
  const now = corridor.clock.now();
  const accountId = passkey?.accountId ?? null;
  const [late] = await Promise.all([
    countFailure(corridor, attempt),
    corridor.store.commit([
      unguarded(spent),
      ...(accountId === null ? [] : [recordFailedSignIn(accountId)]),
      auditAttempt(attempt, now, 'sign-in.refused', {
        reason,
        accountId,
        factor: 'passkey',
        detail: { origin: origin.slice(0, LONGEST_ORIGIN) },
      }),
    ]),
  ]);
  return late ?? refused('code-invalid');
}

function unguarded({ sql, params }: Change): Change {
  return { sql, params };
}
