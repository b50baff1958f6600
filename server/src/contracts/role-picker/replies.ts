import type { Static } from 'typebox';
import type { Organisation, Outcome, RefusedChoice } from '../../sign-in/attempt.ts';
import type { Reply, Wire } from '../contract.ts';
import type { OrganisationShape, Refused, SignedIn } from './shapes.ts';

/** An organisation as this contract shows it: flags are 0 or 1. */
export function organisationOf(organisation: Organisation | null): Static<typeof OrganisationShape> {
  if (organisation === null) return null;
  return {
    uuid: organisation.id,
    accountName: organisation.accountName,
    organisationName: organisation.name,
    isActive: organisation.isActive ? 1 : 0,
    isSuspended: organisation.isSuspended ? 1 : 0,
    settings: organisation.settings,
    isPaid: organisation.isPaid ? 1 : 0,
  };
}

/** What is said of a state that forbids a session. */
export const STATE_MESSAGES = {
  'account-inactive': 'Account is inactive.',
  'organisation-suspended': 'Organisation is suspended.',
  'account-not-validated': 'Account is not validated.',
  'second-factor-missing': 'Account is inactive.',
} as const;

/** A role that the password does not open, and why. */
export function refusedRole(choice: RefusedChoice): Static<typeof Refused> {
  const message =
    choice.reason === 'bad-credentials' ? 'Identity or Password is invalid.' : STATE_MESSAGES[choice.reason];
  return { role: choice.role, organisation: organisationOf(choice.organisation), message };
}

/** The answer to a completed sign-in. */
export function signedIn(outcome: Extract<Outcome, { kind: 'signed-in' }>, wire: Wire): Reply {
  const { principal, tokens, steppedUp } = outcome;
  if (principal.kind !== 'account') throw new Error('only accounts sign in here');
  const { account } = principal.view;
  const body: Static<typeof SignedIn> = {
    is2FAEnabled: steppedUp,
    loginToken: tokens.opaqueToken ?? '',
    ...(wire.echo.pin === undefined ? {} : { pin: wire.echo.pin }),
    token: tokens.accessToken,
    refreshToken: tokens.refreshToken ?? '',
    user: {
      uuid: account.user.id,
      name: account.user.name,
      firstName: account.user.firstName ?? '',
      lastName: account.user.lastName ?? '',
      email: account.email ?? '',
      username: account.username ?? '',
    },
    organisation: organisationOf(principal.picked?.organisation ?? null),
    role: principal.picked?.role?.name ?? '',
  };
  return { status: 200, body };
}
