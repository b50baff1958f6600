import { declined } from '../commands/decline.ts';
import { isFresh, type Owner, ownerBehind } from '../sessions/owner.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { confirmPassword } from '../sign-in/confirm-password.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { throughGate } from '../sign-in/gate.ts';
import { noticeChanges } from '../sign-in/notice.ts';
import { ownsFactor } from '../sign-in/second-factor.ts';
import { countSent } from '../store/sending-budget.ts';
import { hashNewPassword, lengthDecline, setPassword } from './new-password.ts';

/**
 * The most changes of one account in a day. Whoever sets a password to a guess and signs in has it tried on the namesakes in
 * other homes as well, and a right password beside theirs is no failure of theirs.
 */
const CHANGE_LIMIT = 10;

const DAY_SECONDS = 86_400;

const changesKey = (accountId: string): string => `password-changes:${accountId}`;

/**
 * Changes the password of somebody who is signed in. The present one is asked for and counted as at sign-in, so that a stolen
 * token neither changes nor guesses it; an account that has a second factor must have shown it lately (ASVS 6.2.3, 7.5.1).
 */
export function changePassword(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'change-password' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, async () => {
    const owner = await ownerBehind(corridor, attempt, command.token);
    if ('kind' in owner) return owner;
    if (ownsFactor(owner.account) && !isFresh(owner, corridor.clock.now())) return declined('proof-required');
    const late = await changedOften(corridor, owner.account.id);
    if (late !== null) return late;
    return change(corridor, owner, command);
  });
}

async function changedOften({ store, clock }: Corridor, accountId: string): Promise<Outcome | null> {
  const now = clock.now();
  const window = await store.sendingBudgets.window(changesKey(accountId), now);
  if (window === null || window.sent < CHANGE_LIMIT) return null;
  return { kind: 'throttled', retryAfterSeconds: Math.ceil((window.endsAt - now) / 1000) };
}

async function change(
  corridor: Corridor,
  owner: Owner,
  { currentPassword, password }: Extract<Command, { kind: 'change-password' }>,
): Promise<Outcome> {
  const confirmed = await confirmPassword(corridor, owner.origin, owner.account, currentPassword);
  if ('kind' in confirmed) return confirmed;
  const outcome = await replace(corridor, owner, password, confirmed.settles);
  if (outcome.kind === 'done') corridor.throttle.settled([confirmed.hold]);
  else await corridor.throttle.release([confirmed.hold]);
  return outcome;
}

async function replace(
  corridor: Corridor,
  { account, session, origin }: Owner,
  password: string,
  settles: Parameters<Corridor['store']['commit']>[0],
): Promise<Outcome> {
  const hash = lengthDecline(password) ?? (await hashNewPassword(corridor, origin, account, password));
  if (typeof hash !== 'string') return hash;
  const now = corridor.clock.now();
  const notice = await noticeChanges(corridor, origin, account, { kind: 'password-changed', at: now });
  const committed = await corridor.store.commit([
    ...setPassword(account, hash, session.id, now),
    countSent(changesKey(account.id), DAY_SECONDS, now),
    ...settles,
    ...notice,
    auditAttempt(origin, now, 'password.changed', { accountId: account.id, sessionId: session.id }),
  ]);
  // Something else has ended what was issued to the account meanwhile: this session with it.
  if (!committed.ok) return refused('token-invalid');
  corridor.mailQueued();
  return { kind: 'done' };
}
