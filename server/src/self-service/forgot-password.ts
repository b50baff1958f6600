import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Command, Outcome } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { countAsking, throughGate } from '../sign-in/gate.ts';
import { identify } from '../sign-in/identify.ts';
import { mailToAccount } from '../sign-in/mail.ts';
import type { Change } from '../store/engine.ts';
import { type LongCodeMail, type MailPorts, mailLongCode } from './long-code.ts';

/** An identifier can name accounts of several homes: so many of them get a mail, each with a code of its own. */
const MOST_MAILS = 3;

/**
 * Mails a code for a new password to every account that the identifier names, where the account may have one. Whoever asks
 * learns nothing: the answer is the same, it is held back to one time, something is committed in any case, and the mail is
 * sent later by the outbox (ASVS 6.3.8, CVE-2026-31901).
 */
export function forgotPassword(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'forgot-password' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, () => askForReset(corridor, attempt, command.identifier), [
    'accepted',
  ]);
}

async function askForReset(
  corridor: Corridor,
  attempt: Attempt,
  identifier: Extract<Command, { kind: 'forgot-password' }>['identifier'],
): Promise<Outcome> {
  const late = await countAsking(corridor, attempt);
  if (late !== null) return late;
  const { candidates } = await identify(corridor, attempt, [identifier]);
  const named = candidates.map(({ account }) => account);
  const addressed = named.filter(({ status, email }) => status === 'active' && email !== null);
  const audit = (known: Parameters<typeof auditAttempt>[3]): Change =>
    auditAttempt(attempt, corridor.clock.now(), 'password.reset-asked', known);
  if (addressed.length === 0) {
    const reason = named.length === 0 ? 'unknown-identifier' : 'not-reachable';
    await corridor.store.commit([audit({ reason, accountId: named[0]?.id ?? null })]);
  }
  await Promise.all(
    addressed.slice(0, MOST_MAILS).map((account) =>
      sendReset(corridor, account, {
        mount: attempt.mount.name,
        audit: audit({ accountId: account.id }),
        mailed: (message, expiresAt) => mailToAccount(corridor, attempt, account, message, expiresAt),
      }),
    ),
  );
  corridor.mailQueued();
  return { kind: 'accepted' };
}

/**
 * Mails a code for a new password to an account's own address, whoever started that: its owner, or an operator, who never
 * sees the code. Whoever runs the outbox sends it.
 * @param begun the mount where the code can be typed (one of the native API can be typed anywhere), the event that tells, and
 *   what makes the mail
 * @returns whether it was queued: an account that is not active, or has no address, gets none
 */
export async function sendReset(
  ports: MailPorts & Pick<Corridor, 'store'>,
  account: AccountWithMemberships,
  begun: { readonly mount: string; readonly audit: Change; readonly mailed: LongCodeMail },
): Promise<boolean> {
  const coded = { purpose: 'reset', mount: begun.mount } as const;
  const changes = await mailLongCode(ports, account, coded, begun.mailed);
  if (changes === null) return false;
  return (await ports.store.commit([...changes, begun.audit])).ok;
}
