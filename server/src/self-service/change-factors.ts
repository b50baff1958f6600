import type { AccountWithMemberships } from '../accounts/account.ts';
import type { RemovableFactor } from '../commands/factor.ts';
import { drawRecoveryCodes, recoveryCodeHash } from '../factors/recovery-code.ts';
import type { Owner } from '../sessions/owner.ts';
import type { Corridor } from '../sign-in/corridor.ts';
import { noticeToAccount } from '../sign-in/mail.ts';
import { noticeChanges } from '../sign-in/notice.ts';
import { setMailedPin, setTotpSeed } from '../store/account-factors.ts';
import { endAllButOne } from '../store/accounts.ts';
import { forgetDevices } from '../store/devices.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import { forgetPasskeys } from '../store/passkeys.ts';
import {
  removeRecoveryCodes,
  removeRecoveryCodesWithoutFactor,
  replaceRecoveryCodes,
} from '../store/recovery-codes.ts';

/** What a change of factors is made with, in a request and at the command line. */
export type FactorTools = Pick<Corridor, 'vault' | 'random' | 'clock' | 'wording'>;

/** What can be changed: passkeys have endpoints of their own, one each. */
export type ChangedFactor = RemovableFactor | 'passkey';

/** A change of what an account signs in with. */
export interface FactorChange {
  readonly factor: ChangedFactor;
  readonly what: 'factor-added' | 'factor-removed';
  readonly changes: readonly Change[];
}

/**
 * A change of factors by an operator, with everything that comes with one: sessions end, outstanding tickets die, devices are
 * forgotten, and the account's address is told (ASVS 7.4.3). Guard `account`: nothing else had changed.
 */
export function changeFactors(
  tools: FactorTools,
  account: AccountWithMemberships,
  change: FactorChange,
): Change[] {
  const at = tools.clock.now();
  const notice = noticeToAccount(tools, account, { kind: change.what, factor: change.factor, at });
  return [
    ...endAllButOne(account.id, account.epoch, null, 'factors-changed', at),
    ...factorChanges(account, change),
    ...(notice ? [enqueueMail(notice)] : []),
  ];
}

/** The same by the owner of an account: the session that makes the change goes on. */
export async function changeOwnFactors(
  corridor: Corridor,
  { account, session, origin }: Owner,
  change: FactorChange,
): Promise<Change[]> {
  const at = corridor.clock.now();
  return [
    ...endAllButOne(account.id, account.epoch, session.id, 'factors-changed-by-owner', at),
    ...factorChanges(account, change),
    ...(await noticeChanges(corridor, origin, account, { kind: change.what, factor: change.factor, at })),
  ];
}

function factorChanges({ id }: AccountWithMemberships, { changes }: FactorChange): Change[] {
  return [...changes, removeRecoveryCodesWithoutFactor(id), forgetDevices(id)];
}

/** What takes a factor away, all passkeys at once. */
export function removalOf(factor: ChangedFactor, accountId: string): Change {
  switch (factor) {
    case 'totp':
      return setTotpSeed(accountId, null);
    case 'email':
      return setMailedPin(accountId, false);
    case 'recovery-codes':
      return removeRecoveryCodes(accountId);
    case 'passkey':
      return forgetPasskeys(accountId);
  }
}

/** A fresh set of recovery codes, to be shown once, and what puts it in the place of the old one. */
export function freshRecoveryCodes(
  tools: FactorTools,
  accountId: string,
): { readonly codes: readonly string[]; readonly changes: readonly Change[] } {
  const codes = drawRecoveryCodes(tools.random);
  const hashes = codes.flatMap((code) => recoveryCodeHash(accountId, code, tools.vault) ?? []);
  return { codes, changes: replaceRecoveryCodes(accountId, hashes, tools.clock.now()) };
}
