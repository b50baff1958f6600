import type { AccountWithMemberships } from '../accounts/account.ts';
import { viewAccount } from '../accounts/view.ts';
import type { Mount } from '../mount.ts';
import { stateRefusal } from '../sign-in/account-policy.ts';
import type { Principal } from '../sign-in/attempt.ts';
import { isSecondFactorDue } from '../sign-in/second-factor.ts';
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
 * Reads a session's principal anew: account, organisation, membership, role and second-factor policy as they are now.
 * @param found what `currentPrincipal` says, null when there is no such session
 */
export async function standingOf(
  store: Store,
  found: Awaited<ReturnType<Store['principals']['bySession']>>,
  mount: Mount | undefined,
  now: number,
): Promise<StandingSession | Fallen> {
  if (found === null) return { fallen: 'unknown-session' };
  const { session, obstacle } = found;
  if (mount === undefined || session.mount !== mount.name) return { fallen: 'other-mount' };
  if (session.endedAt !== null) return { fallen: 'session-ended' };
  if (session.expiresAt <= now) return { fallen: 'session-expired' };
  if (obstacle !== null) return { fallen: obstacle };
  const { principal } = session;
  if (principal.kind === 'resource')
    return { session, principal: { kind: 'resource', resource: principal.id } };
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
  if (account === null) return { fallen: 'account-gone' };
  return standingAccount(session, account, mount);
}

function standingAccount(
  session: Session,
  account: AccountWithMemberships,
  mount: Mount,
): StandingSession | Fallen {
  const picked = session.membership;
  const state = stateRefusal(account, mount, picked);
  if (state !== null) return { fallen: state };
  const role = picked === null ? null : heldRole(account, picked);
  if (role === undefined) return { fallen: 'role-removed' };
  return {
    session,
    principal: { kind: 'account', view: viewAccount(account, mount.organisation), picked: role },
  };
}

/** The picked role as it is today; undefined when the account no longer has it. */
function heldRole(
  account: AccountWithMemberships,
  picked: NonNullable<Session['membership']>,
): Extract<Principal, { kind: 'account' }>['picked'] | undefined {
  if (picked.organisationId === null) {
    return (account.role?.name ?? '') === picked.role
      ? { role: account.role, organisation: null }
      : undefined;
  }
  return account.memberships.find(
    ({ organisation, role }) => organisation.id === picked.organisationId && role.name === picked.role,
  );
}

/** Whether a second factor is asked for now that the session was begun without. */
export function lacksSecondFactor(standing: StandingSession): boolean {
  const { principal, session } = standing;
  return (
    principal.kind === 'account' &&
    isSecondFactorDue(principal.view.account, session.membership) &&
    !session.methods.includes('mfa')
  );
}
