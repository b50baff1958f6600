import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../ports.ts';
import type { Revocation, RevocationReason } from '../store/revocations.ts';
import type { Store } from '../store/store.ts';
import { subjectOf } from './authenticate.ts';

/** One event of the stream that resource servers follow. `id` is what a follower that comes back names. */
export interface FeedEvent {
  readonly event: 'session-revoked' | 'keys-changed' | 'caught-up' | 'heartbeat';
  readonly id?: number;
  readonly data: object;
}

/** What the feed needs. */
export interface RevocationFeedOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly publicUrl: () => string;
  /** A text that changes when the set of keys does that tokens verify with. */
  readonly keySet: () => string;
  /** How long a revocation is told of: no token that it means is taken by anybody after that. */
  readonly retainedSeconds: number;
}

/** Who follows. */
export interface RevocationFollower {
  readonly audience: string;
  /** The number of the last event that it has; 0 for none. */
  readonly after: number;
  /** Whether it may still follow; asked with every heartbeat. */
  readonly isAdmitted: () => Promise<boolean>;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

const PAGE_ROWS = 500;
const POLL_MILLISECONDS = 100;
const HEARTBEAT_MILLISECONDS = 1000;

/**
 * Follows what is revoked, on whatever node: first what was retained, then what comes. The list is read a few times a
 * second, so that every node tells its followers of everything without the nodes knowing each other.
 */
export async function* followRevocations(
  options: RevocationFeedOptions,
  follower: RevocationFollower,
): AsyncGenerator<FeedEvent> {
  const { store, clock, keySet } = options;
  const { audience, signal } = follower;
  const since = clock.now() - options.retainedSeconds * 1000;
  // Numbers that a list was given are not given again by the older copy that took its place: it counts from its cut-off on.
  const first = await store.cutOff.at();
  const after = follower.after - first;
  // A number that was never given is of another list.
  let sequence = after < 0 || after > (await store.revocations.newest()) ? 0 : after;
  let keys = keySet();
  let saidAt = 0;
  for (let isCaughtUp = false; !signal.aborted; ) {
    const page = await store.revocations.after(sequence, since, PAGE_ROWS);
    for (const revocation of page) {
      yield {
        event: 'session-revoked',
        id: first + revocation.sequence,
        data: eventToken(options, audience, { ...revocation, sequence: first + revocation.sequence }),
      };
      sequence = revocation.sequence;
    }
    if (keySet() !== keys) {
      keys = keySet();
      yield { event: 'keys-changed', data: {} };
    }
    if (page.length === PAGE_ROWS) continue;
    const now = performance.now();
    if (!isCaughtUp || now - saidAt >= HEARTBEAT_MILLISECONDS) {
      yield { event: isCaughtUp ? 'heartbeat' : 'caught-up', data: { at: clock.now() } };
      isCaughtUp = true;
      saidAt = now;
      if (!(await follower.isAdmitted())) return;
    }
    await wait(POLL_MILLISECONDS, undefined, { signal }).catch(() => undefined);
  }
}

const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

/** Who wanted it, in the words of CAEP. */
const INITIATORS: Readonly<Record<RevocationReason, 'user' | 'admin' | 'policy' | 'system'>> = {
  'signed-out': 'user',
  'ended-by-owner': 'user',
  'switched-role': 'user',
  'proven-again': 'user',
  'refresh-token-reused': 'policy',
  'signed-out-by-operator': 'admin',
  'account-disabled': 'admin',
  'password-changed': 'admin',
  'address-changed': 'user',
  'factors-changed': 'admin',
  'factors-changed-by-owner': 'user',
  'second-factor-missing': 'policy',
  'installation-changed': 'admin',
  'membership-removed': 'admin',
  'organisation-suspended': 'admin',
  'account-changed': 'admin',
  'store-restored': 'admin',
};

/** Reasons for which a session is not over: it stands still, or goes on with what its tokens say from then on. */
const PASSING: ReadonlySet<RevocationReason> = new Set(['organisation-suspended', 'account-changed']);

/** How far the clocks of servers may be apart, by what `doctor` says; also more than a refresh takes that is under way. */
const CLOCKS_APART_SECONDS = 2;

/**
 * The claims of a security event token (RFC 8417) that says so: OpenID CAEP 1.0 `session-revoked`. One member is ours:
 * `tokens_issued_until`, where tokens that are issued later are good.
 */
function eventToken(
  { publicUrl }: RevocationFeedOptions,
  audience: string,
  { sequence, at, sessionId, principal, reason }: Revocation,
): object {
  const seconds = Math.floor(at / 1000);
  const session = { format: 'opaque', id: sessionId };
  const user = { format: 'iss_sub', iss: publicUrl(), sub: subjectOf(principal) };
  return {
    iss: publicUrl(),
    aud: [audience],
    iat: seconds,
    jti: String(sequence),
    // The store does not know a resource by the name that its token has.
    sub_id: { format: 'complex', session, ...(principal.kind === 'resource' ? {} : { user }) },
    events: {
      [SESSION_REVOKED]: {
        event_timestamp: seconds,
        ...(PASSING.has(reason) ? { tokens_issued_until: seconds + CLOCKS_APART_SECONDS } : {}),
        initiating_entity: INITIATORS[reason],
        reason_admin: { en: reason },
      },
    },
  };
}
