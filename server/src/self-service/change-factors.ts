import type { AccountWithMemberships } from '../accounts/account.ts';
import type { RemovableFactor } from '../commands/factor.ts';
import { drawRecoveryCodes, recoveryCodeHash } from '../factors/recovery-code.ts';
import type { Corridor } from '../sign-in/corridor.ts';
import { noticeToAccount } from '../sign-in/mail.ts';
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
  readonly account: AccountWithMemberships;
  readonly factor: ChangedFactor;
  readonly what: 'factor-added' | 'factor-removed';
  /** The session of the owner that made the change, and goes on; null where an operator did. */
  readonly keptSessionId: string | null;
  readonly changes: readonly Change[];
}

/**
 * A change of factors with everything that comes with one, whoever makes it: other sessions end, outstanding tickets die,
 * devices are forgotten, and the account's address is told (ASVS 7.4.3). Guard `account`: nothing else had changed.
 */
export function changeFactors(tools: FactorTools, change: FactorChange): Change[] {
  const { account, factor, what, keptSessionId, changes } = change;
  const at = tools.clock.now();
  const reason = keptSessionId === null ? 'factors-changed' : 'factors-changed-by-owner';
  const notice = noticeToAccount(tools, account, { kind: what, factor, at });
  return [
    ...endAllButOne(account.id, account.epoch, keptSessionId, reason, at),
    ...changes,
    removeRecoveryCodesWithoutFactor(account.id),
    forgetDevices(account.id),
    ...(notice ? [enqueueMail(notice)] : []),
  ];
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
