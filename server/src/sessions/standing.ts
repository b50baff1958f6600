import type { AccountWithMemberships } from '../accounts/account.ts';
import { viewAccount } from '../accounts/view.ts';
import type { Mount } from '../mount.ts';
import { stateRefusal } from '../sign-in/account-policy.ts';
import type { Principal } from '../sign-in/attempt.ts';
import { hasSecondFactor, isSecondFactorDue } from '../sign-in/second-factor.ts';
import type { SessionStanding } from '../store/current-principal.ts';
import type { Session } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';

/** A session that stands today, with the principal behind it as it is now. */
export interface StandingSession {
  readonly session: Session;
  readonly principal: Principal;
}

/** Why a session does not stand; for the audit log. */
export type Fallen = { readonly fallen: string };

/**
 * Whether a session can stand at all: it has not ended, it is of that mount, and nothing that it depends on is in the way.
 * @returns the session's standing, or why it has fallen
 */
export function standsOn(
  found: SessionStanding | null,
  mount: Mount | undefined,
  now: number,
): SessionStanding | Fallen {
  if (found === null) return { fallen: 'unknown-session' };
  const { session, obstacle } = found;
  if (mount === undefined || session.mount !== mount.name) return { fallen: 'other-mount' };
  if (session.endedAt !== null) return { fallen: 'session-ended' };
  if (session.expiresAt <= now) return { fallen: 'session-expired' };
  return obstacle === null ? found : { fallen: obstacle };
}

/** Reads a session's principal anew: account, organisation, membership, role and policy as they are now. */
export async function standingOf(
  store: Store,
  found: SessionStanding | null,
  mount: Mount,
  now: number,
): Promise<StandingSession | Fallen> {
  const standing = standsOn(found, mount, now);
  if ('fallen' in standing) return standing;
  const { session } = standing;
  const { principal } = session;
  // A code opens what it opens for as long as its token lives, and not beyond.
  if (principal.kind === 'resource') return { fallen: 'resource-session' };
  const account = session.accountId === null ? null : await store.accounts.byId(session.accountId);
  if (principal.kind === 'installation') {
    return {
      session,
      principal: {
        kind: 'installation',
        id: principal.id,
        view: account && viewAccount(account, mount.organisation),
      },
    };
  }
  return account === null ? { fallen: 'account-gone' } : standingAccount(session, account, mount);
}

function standingAccount(
  session: Session,
  account: AccountWithMemberships,
  mount: Mount,
): StandingSession | Fallen {
  const state = stateRefusal(account, mount, session.membership);
  if (state !== null) return { fallen: state };
  const picked = session.membership === null ? null : pickedRole(account, session.membership);
  if (picked === undefined) return { fallen: 'role-removed' };
  return { session, principal: { kind: 'account', view: viewAccount(account, mount.organisation), picked } };
}

type Picked = NonNullable<Extract<Principal, { kind: 'account' }>['picked']>;

/** The role that was picked, as it is today; undefined when the account no longer has it. */
function pickedRole(
  account: AccountWithMemberships,
  membership: NonNullable<Session['membership']>,
): Picked | undefined {
  if (membership.organisationId === null) {
    return (account.role?.name ?? '') === membership.role
      ? { role: account.role, organisation: null }
      : undefined;
  }
  return account.memberships.find(
    ({ organisation, role }) =>
      organisation.id === membership.organisationId && role.name === membership.role,
  );
}

/** Whether a second factor is asked for now that the session was begun without. */
export function lacksSecondFactor(standing: StandingSession): boolean {
  const { principal, session } = standing;
  return (
    principal.kind === 'account' &&
    isSecondFactorDue(principal.view.account, session.membership) &&
    !hasSecondFactor(session.methods)
  );
}
