import { type AccountRecord, raiseEpochs, setPasswordHash } from '../store/account-records.ts';
import type { Change } from '../store/engine.ts';
import { revokeStaleTokens } from '../store/sessions.ts';

/** An account that was there already, and what its line makes of it. */
export interface AccountChange {
  readonly record: AccountRecord;
  readonly before: AccountRecord;
}

/** Sets new passwords, and ends what was issued to accounts in whose way something is now. */
export function sessionsAfter(changed: readonly AccountChange[], now: number): Change[] {
  const idsOf = (concerned: (change: AccountChange) => boolean): string[] =>
    changed.filter(concerned).map(({ record }) => record.id);
  return [
    ...changed
      .filter(hasOtherPassword)
      .flatMap(({ record }) => setPasswordHash('accounts', record.id, record.passwordHash, now)),
    ...raiseEpochs('accounts', idsOf(hasEnded), 'account-disabled', now),
    ...raiseEpochs('accounts', idsOf(hasOtherFactors), 'factors-changed', now),
    ...revokeStaleTokens(idsOf(saysOtherwise), now),
  ];
}

/** Whether its devices are to be proven anew. */
export function isUntrusted(change: AccountChange): boolean {
  return hasOtherPassword(change) || hasOtherFactors(change);
}

function hasOtherPassword({ record, before }: AccountChange): boolean {
  return record.passwordHash !== before.passwordHash;
}

/** Whether its second factors are others. */
export function hasOtherFactors({ record, before }: AccountChange): boolean {
  return record.factorEmail !== before.factorEmail || record.totpSealed !== before.totpSealed;
}

function hasEnded({ record, before }: AccountChange): boolean {
  return before.status === 'active' && record.status !== 'active';
}

/** Whether its tokens say what is no longer so, or somebody would be refused now who was not before. */
function saysOtherwise({ record, before }: AccountChange): boolean {
  return (
    record.role !== before.role ||
    record.homeId !== before.homeId ||
    (before.emailValidated && !record.emailValidated)
  );
}
