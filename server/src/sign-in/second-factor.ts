import type { AccountWithMemberships } from '../accounts/account.ts';
import { activeMemberships, roleAsksForSecondFactor } from '../accounts/policy.ts';
import { SINGLE_CHANNEL } from '../factors/mailed-code.ts';
import type { TicketPurpose } from '../store/tickets.ts';
import type { PickedRole } from './account-policy.ts';

/**
 * Whether a second factor is due: the account has one, or an organisation asks for one from the role that the session
 * would reach. A session that is not for one picked role reaches them all, so the strictest counts.
 */
export function isSecondFactorDue(account: AccountWithMemberships, picked: PickedRole | null): boolean {
  if (ownsFactor(account)) return true;
  return activeMemberships(account)
    .filter(
      ({ organisation, role }) =>
        picked === null || (organisation.id === picked.organisationId && role.name === picked.role),
    )
    .some(({ organisation, role }) => roleAsksForSecondFactor(organisation, role.name));
}

/**
 * Whether the account has a factor of its own that is asked for at every sign-in, whatever organisations ask for. A passkey is
 * none of these: it is a way in by itself, and contracts that were there before it could not ask for one.
 */
export function ownsFactor(account: AccountWithMemberships): boolean {
  return account.factors.email || account.factors.totpSealed !== null;
}

/** Whether the account has anything that must be shown before what signs in is changed: a passkey counts here. */
export function hasOwnProof(account: AccountWithMemberships): boolean {
  return ownsFactor(account) || account.factors.hasPasskey;
}

/**
 * Whether what a session was begun with shows one of them. A PIN does for those who chose it, and not for those who were sent
 * one because an organisation asks for something and the contract knows nothing else.
 */
export function showsOwnProof(account: AccountWithMemberships, methods: readonly string[]): boolean {
  return methods.includes('mfa') && (account.factors.email || !methods.includes('email'));
}

/**
 * Whether the factor is a mailed PIN: by the account's choice, or because only an organisation asks for one. Who proves again
 * who is there shows what the account has.
 */
export function isPinMailed(account: AccountWithMemberships, purpose: TicketPurpose): boolean {
  const { email, totpSealed, hasPasskey } = account.factors;
  return email || (totpSealed === null && !(purpose === 'prove-again' && hasPasskey));
}

/**
 * Whether what a session was begun with passes for a second factor. A PIN that was mailed just after a reset by mail is
 * none; it passes the step that is asked for by mail all the same, since nothing else could.
 */
export function hasSecondFactor(methods: readonly string[]): boolean {
  return methods.includes('mfa') || methods.includes(SINGLE_CHANNEL);
}
