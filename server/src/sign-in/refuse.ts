import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceName, fingerprintHashOf } from '../accounts/fingerprint.ts';
import { recordFailedSignIn } from '../store/accounts.ts';
import { LONGEST_WAIT_MILLISECONDS } from '../store/count-attempt.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMailIfLocked } from '../store/outbox.ts';
import { issueTicket } from '../store/tickets.ts';
import { type Outcome, type Refusal, refused, type StateRefusal } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { countFailure, wideWindows } from './gate.ts';
import { noticeToAccount } from './mail.ts';
import { failHolds, type Hold } from './throttle.ts';
import { drawTicket, type Passage } from './ticket.ts';

/** The true reason of a refused credential. The wire does not tell these apart. */
export type CredentialRefusal = (typeof CREDENTIAL_REFUSALS)[number];

/** Every true reason there is. */
export const CREDENTIAL_REFUSALS = [
  'unknown-identifier',
  'wrong-password',
  'no-password',
  'locked',
  'unknown-installation',
  'installation-not-active',
  'resource-code-refused',
  'unknown-passkey',
  'passkey-refused',
  'passkey-cloned',
] as const;

/** An attempt that failed, and the account it was made on, where there is one. */
export interface Failed {
  readonly hold: Hold;
  readonly account: AccountWithMemberships | null;
  /** Null for what the attempt only counts for: another event tells of it. */
  readonly reason: CredentialRefusal | null;
  /** What else the audit log should know. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * Refuses a credential: counts each failed attempt, tells the owner of an account that this locks, writes the true
 * reason down. All of it is committed although the answer is no.
 */
export async function refuseCredential(
  corridor: Corridor,
  attempt: Attempt,
  failures: readonly Failed[],
  reason: Refusal,
): Promise<Outcome> {
  const now = corridor.clock.now();
  const changes = failures.flatMap((failed) => changesFor(corridor, attempt, failed, now));
  const [, late] = await Promise.all([
    corridor.store.commit(changes),
    countFailure(corridor, attempt, wideWindows(attempt)),
  ]);
  corridor.throttle.settled(failures.map((failed) => failed.hold));
  corridor.mailQueued();
  return late ?? refused(reason);
}

function changesFor(corridor: Corridor, attempt: Attempt, failed: Failed, now: number): Change[] {
  const { hold, account, reason, detail = null } = failed;
  const changes = account ? [recordFailedSignIn(account.id)] : [];
  changes.push(...failHolds([hold], now));
  if (account && !hold.locked) changes.push(...lockNotice(corridor, account, hold, now));
  if (reason === null) return changes;
  const device =
    account && attempt.fingerprint
      ? deviceName(fingerprintHashOf(account.id, attempt.fingerprint, corridor.vault))
      : null;
  changes.push(
    auditAttempt(attempt, now, 'sign-in.refused', { reason, accountId: account?.id ?? null, device, detail }),
  );
  return changes;
}

/** The mail that tells of a lock, queued only if the failure before it in the same commit was the one that locked. */
function lockNotice(corridor: Corridor, account: AccountWithMemberships, hold: Hold, now: number): Change[] {
  if (hold.limit.lockAfter === null) return [];
  const lockedUntil = now + LONGEST_WAIT_MILLISECONDS;
  const message = { kind: 'account-locked', failures: hold.limit.lockAfter, lockedUntil } as const;
  const mail = noticeToAccount(corridor, account, message, lockedUntil);
  return mail ? [enqueueMailIfLocked(mail, hold.key, lockedUntil)] : [];
}

/** How long a code that asks for a new validation code is good. */
const RESEND_CODE_SECONDS = 3600;

/** Tells whoever gave the right password what stands in the way; nobody else gets here. */
export async function refuseState(
  corridor: Corridor,
  attempt: Attempt,
  passage: Passage,
  reason: StateRefusal,
): Promise<Outcome> {
  const { account, picked, device, settles } = passage;
  const offers = reason === 'account-not-validated' && attempt.mount.contract.offersResendCode;
  const resend = offers
    ? drawTicket(corridor, attempt, {
        purpose: 'resend-validation',
        account,
        picked,
        lifeSeconds: RESEND_CODE_SECONDS,
      })
    : null;
  await corridor.store.commit([
    ...(resend ? [issueTicket(resend.ticket)] : []),
    ...settles,
    auditAttempt(attempt, corridor.clock.now(), 'sign-in.refused', {
      reason,
      accountId: account.id,
      organisationId: picked?.organisationId ?? null,
      device: device && deviceName(device.fingerprintHash),
    }),
  ]);
  return { kind: 'refused', reason, resendCode: resend?.onWire ?? null };
}
