import type { AccountWithMemberships } from '../accounts/account.ts';
import { viewAccount } from '../accounts/view.ts';
import type { Mount } from '../mount.ts';
import { stateRefusal } from '../sign-in/account-policy.ts';
import type { Principal } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor, fromSession } from '../sign-in/corridor.ts';
import { lacksSecondFactor } from '../sign-in/second-factor.ts';
import type { SessionStanding } from '../store/current-principal.ts';
import { endOwnSession, type Session } from '../store/sessions.ts';

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
export function standsOn(found: SessionStanding | null, mount: Mount, now: number): SessionStanding | Fallen {
  if (found === null) return { fallen: 'unknown-session' };
  const { session, obstacle } = found;
  if (session.mount !== mount.name) return { fallen: 'other-mount' };
  if (session.endedAt !== null) return { fallen: 'session-ended' };
  if (session.expiresAt <= now) return { fallen: 'session-expired' };
  return obstacle === null ? found : { fallen: obstacle };
}

/** A session that can stand today, and its own mount, whichever that is; null when it has fallen, or its mount is gone. */
export function standsAtItsMount(
  { mounts, clock }: Pick<Corridor, 'mounts' | 'clock'>,
  found: SessionStanding | null,
): { readonly found: SessionStanding; readonly mount: Mount } | null {
  if (found === null) return null;
  const mount = mounts.get(found.session.mount);
  return mount === undefined || 'fallen' in standsOn(found, mount, clock.now()) ? null : { found, mount };
}

/**
 * Reads a session's principal anew: account, organisation, membership, role and policy as they are now. A session that was
 * begun without the second factor that policy asks for by now ends here.
 */
export async function standingOf(
  corridor: Corridor,
  attempt: Attempt,
  found: SessionStanding | null,
  mount: Mount,
): Promise<StandingSession | Fallen> {
  const standing = await unprovenStandingOf(corridor, found, mount);
  if ('fallen' in standing || standing.principal.kind !== 'account') return standing;
  const { session, principal } = standing;
  if (!lacksSecondFactor(principal.view.account, session.membership, session.methods)) return standing;
  await endUnproven(corridor, attempt, session);
  return { fallen: 'second-factor-missing' };
}

/** The same, whether or not it has the second factor that policy asks for: for what asks for one itself, or reaches nothing. */
export async function unprovenStandingOf(
  corridor: Pick<Corridor, 'store' | 'clock'>,
  found: SessionStanding | null,
  mount: Mount,
): Promise<StandingSession | Fallen> {
  const { store, clock } = corridor;
  const standing = standsOn(found, mount, clock.now());
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
  if (account === null) return { fallen: 'account-gone' };
  // The two were read one after the other: what signs in was changed in between, and the session may have gone on with it.
  if (account.epoch !== session.epoch)
    return unprovenStandingOf(corridor, await store.principals.bySession(session.id), mount);
  return standingAccount(session, account, mount);
}

/** Ends a session that lacks a second factor, once. */
export async function endUnproven(corridor: Corridor, attempt: Attempt, session: Session): Promise<void> {
  const now = corridor.clock.now();
  const { id: sessionId, principal } = session;
  const accountId = principal.id;
  await corridor.store.commit([
    ...endOwnSession(accountId, sessionId, 'second-factor-missing', now),
    auditAttempt(fromSession(corridor, attempt, session), now, 'session.unproven', { accountId }),
  ]);
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
