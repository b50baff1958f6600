import type {
  AccountFactors,
  AccountWithMemberships,
  Organisation,
  Role,
  RoleHolder,
} from '../accounts/account.ts';
import {
  activeMemberships,
  forbidsMailedPin,
  isRoleNamed,
  roleAsksForSecondFactor,
} from '../accounts/policy.ts';
import { isResetByMailRecent, SINGLE_CHANNEL } from '../factors/mailed-code.ts';
import { forgiveUnlocked } from '../store/count-attempt.ts';
import type { Change } from '../store/engine.ts';
import type { TicketPurpose } from '../store/tickets.ts';
import type { PickedRole } from './account-policy.ts';
import { accountKey, factorKey } from './throttle.ts';

// Whether a second factor is due, and what passes for one. A session that is not for one picked role reaches them all, so
// the strictest counts.

/** What is due beside the credential: nothing, a factor for which a PIN is mailed, one that the account has, or one that it lacks. */
export type DueFactor = 'none' | 'mailed-pin' | 'own' | 'missing';

/** What is due for the session that an account would get. @param now milliseconds since 1970 */
export function dueFactor(
  account: AccountWithMemberships,
  picked: PickedRole | null,
  now: number,
): DueFactor {
  if (!isSecondFactorDue(account, picked)) return 'none';
  if (isPinMailed(account, picked, now)) return 'mailed-pin';
  return hasFactorBesideMail(account.factors) || account.factors.hasPasskey ? 'own' : 'missing';
}

/** Whether a second factor is due: the account has one, or an organisation asks for one from a role that would be reached. */
function isSecondFactorDue(holder: RoleHolder, picked: PickedRole | null): boolean {
  return ownsFactor(holder) || reachedRoles(holder, picked).some(isAskedFor);
}

/**
 * Whether the account has a factor of its own that is asked for at every sign-in, whatever organisations ask for. A passkey is
 * none of these: it is a way in by itself, and most contracts have no field for one.
 */
export function ownsFactor({ factors }: Pick<RoleHolder, 'factors'>): boolean {
  return factors.email || hasFactorBesideMail(factors);
}

/** Whether the account has anything that must be shown before what signs in is changed: a passkey counts here. */
export function hasOwnProof(account: AccountWithMemberships): boolean {
  return ownsFactor(account) || account.factors.hasPasskey;
}

/**
 * Whether what a session was begun with shows one of these. A PIN does for those who chose it, and not for those who are sent
 * one because an organisation asks for something and the contract knows nothing else.
 */
export function showsOwnProof({ factors }: AccountWithMemberships, methods: readonly string[]): boolean {
  return methods.includes('mfa') && (factors.email || !isByMailOnly(methods));
}

/** Whether the account has a factor that is more than its mailbox. Recovery codes stand in for factors and are none here. */
function hasFactorBesideMail(factors: AccountFactors): boolean {
  return factors.totpSealed !== null;
}

/**
 * Whether a PIN is mailed for the second factor, and taken: by the account's choice, or because only an organisation asks
 * for one; and not where mail alone is not enough, nor where there is no address that it could go to. Who proves again who is there shows what the account has.
 * @param now milliseconds since 1970
 */
export function isPinMailed(
  account: AccountWithMemberships,
  picked: PickedRole | null,
  now: number,
  purpose: TicketPurpose = 'prove',
): boolean {
  const { email, hasPasskey } = account.factors;
  const isLeftOver = !hasFactorBesideMail(account.factors) && !(purpose === 'prove-again' && hasPasskey);
  const isMeant = account.email !== null && (email || isLeftOver);
  return isMeant && isMailEnough(account, picked, isResetByMailRecent(account, now));
}

/**
 * Forgets what failed for an account, unless it is locked: its sign-in was completed. Wrong codes only where a second factor was shown, or where
 * none is asked for anywhere: else a role that asks for none would give anybody who knows the password new tries at those
 * that do.
 */
export function forgiveFailures(
  account: AccountWithMemberships,
  isFactorShown: boolean,
  now: number,
): Change {
  const areCodesForgiven = isFactorShown || !isSecondFactorDue(account, null);
  return areCodesForgiven
    ? forgiveUnlocked(now, accountKey(account.id), factorKey(account.id))
    : forgiveUnlocked(now, accountKey(account.id));
}

/** Whether policy asks for a second factor that what a session was begun with does not pass for. */
export function lacksSecondFactor(
  holder: RoleHolder,
  picked: PickedRole | null,
  methods: readonly string[],
): boolean {
  if (!isSecondFactorDue(holder, picked)) return false;
  const isSingleChannel = methods.includes(SINGLE_CHANNEL);
  if (!methods.includes('mfa') && !isSingleChannel) return true;
  return isByMailOnly(methods) && !isMailEnough(holder, picked, isSingleChannel);
}

/** What a session that showed a password and a mailbox, and nothing else, can have among its methods. */
const MAIL_METHODS: ReadonlySet<string> = new Set(['pwd', 'email', 'mfa', SINGLE_CHANNEL]);

function isByMailOnly(methods: readonly string[]): boolean {
  return methods.every((method) => MAIL_METHODS.has(method));
}

/**
 * Whether a mailed PIN passes for a second factor: no organisation that would be reached forbids it, and no role that
 * administers is reached by mail alone (ASVS 6.3.6). After a reset by mail, which shows the same mailbox, it passes
 * where contracts document it, and not for a role that is named in `requireSecondFactorFor`.
 */
function isMailEnough(holder: RoleHolder, picked: PickedRole | null, isSingleChannel: boolean): boolean {
  const reached = reachedRoles(holder, picked);
  const organisations = reached.map(({ organisation }) => organisation);
  if (picked === null || picked.organisationId === null) organisations.push(holder.home);
  if (organisations.some(forbidsMailedPin)) return false;
  const due = reached.filter((each) => ownsFactor(holder) || isAskedFor(each));
  if (due.some(({ role }) => role.admin !== null)) return false;
  return !(isSingleChannel && reached.some(({ organisation, role }) => isRoleNamed(organisation, role.name)));
}

/** A role that a session would reach, and the organisation whose settings say what is asked for it: its home for an own role. */
interface ReachedRole {
  readonly role: Role;
  readonly organisation: Pick<Organisation, 'settings'> | null;
  readonly isOwn: boolean;
}

function reachedRoles(holder: RoleHolder, picked: PickedRole | null): ReachedRole[] {
  const isReached = (organisationId: string | null, role: Role) =>
    picked === null || (organisationId === picked.organisationId && role.name === picked.role);
  const own = holder.role;
  return [
    ...(own !== null && isReached(null, own) ? [{ role: own, organisation: holder.home, isOwn: true }] : []),
    ...activeMemberships(holder)
      .filter(({ organisation, role }) => isReached(organisation.id, role))
      .map(({ organisation, role }) => ({ role, organisation, isOwn: false })),
  ];
}

/** `mfaForStudents` and `mfaForTeachers` are about roles in an organisation, not about those that its accounts have beside it. */
function isAskedFor({ role, organisation, isOwn }: ReachedRole): boolean {
  return isOwn ? isRoleNamed(organisation, role.name) : roleAsksForSecondFactor(organisation, role.name);
}
