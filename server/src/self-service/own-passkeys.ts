import type { AuditEventName } from '../audit/event.ts';
import { declined } from '../commands/decline.ts';
import type { OwnPasskey } from '../commands/passkeys.ts';
import { type Owner, ownerBehind } from '../sessions/owner.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import type { Change } from '../store/engine.ts';
import { type Passkey, removePasskey } from '../store/passkeys.ts';
import { changeOwnFactors } from './change-factors.ts';
import { freshOwnerBehind } from './fresh-owner.ts';
import { wouldShutOut } from './remove-factor.ts';

/** The account's passkeys, the oldest first. */
export async function listPasskeys(
  corridor: Corridor,
  attempt: Attempt,
  { token }: Extract<Command, { kind: 'list-passkeys' }>,
): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const passkeys = await corridor.store.passkeys.ofAccount(owner.account.id);
  return { kind: 'passkeys', passkeys: passkeys.map(shownPasskey) };
}

/** Removes one. Somebody else's is as unknown as one that never was. */
export async function forgetPasskey(
  corridor: Corridor,
  attempt: Attempt,
  { token, passkeyId }: Extract<Command, { kind: 'remove-passkey' }>,
): Promise<Outcome> {
  const owner = await freshOwnerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const { account } = owner;
  const passkeys = await corridor.store.passkeys.ofAccount(account.id);
  if (!passkeys.some(({ id }) => id === passkeyId)) return declined('no-such-passkey');
  const left = { ...account.factors, hasPasskey: passkeys.length > 1 };
  if (wouldShutOut(account, left, corridor.clock.now())) return declined('factor-not-allowed');
  const committed = await corridor.store.commit([
    ...(await changeOwnFactors(corridor, owner, {
      factor: 'passkey',
      what: 'factor-removed',
      changes: [removePasskey(account.id, passkeyId)],
    })),
    auditPasskey(corridor, owner, 'factor.removed'),
  ]);
  if (!committed.ok) return refused('token-invalid');
  corridor.mailQueued();
  return { kind: 'done' };
}

/** The change that writes down what became of a passkey of an owner's. */
export function auditPasskey(
  corridor: Corridor,
  { account, session, origin }: Owner,
  event: AuditEventName & `factor.${string}`,
): Change {
  return auditAttempt(origin, corridor.clock.now(), event, {
    accountId: account.id,
    sessionId: session.id,
    factor: 'passkey',
  });
}

/** A passkey as its owner may see it. */
export function shownPasskey(passkey: Passkey): OwnPasskey {
  const { id, name, deviceType, isBackedUp, createdAt, lastUsedAt } = passkey;
  return { id, name, isSynced: deviceType === 'multiDevice', isBackedUp, createdAt, lastUsedAt };
}
