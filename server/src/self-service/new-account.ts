import type { Organisation } from '../accounts/account.ts';
import { canonicalForms, canonicalName, canonicalPhone } from '../accounts/identifier.ts';
import { declined } from '../commands/decline.ts';
import type { Registrant } from '../commands/sign-up.ts';
import { randomUuid } from '../crypto/secret-text.ts';
import { isMailAddress } from '../delivery/mail-address.ts';
import { StoreConflictError } from '../errors.ts';
import { ownWordsOf } from '../passwords/own-words.ts';
import { type Outcome, refused } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import { sourceOf } from '../sign-in/gate.ts';
import { saveAccounts } from '../store/account-records.ts';
import { firstTaken, takeNumbers } from '../store/counters.ts';
import type { Change } from '../store/engine.ts';

/** Somebody whose account can be made: everything about it was looked at, and the password is a hash. */
export interface Admitted {
  readonly email: string;
  readonly username: string | null;
  readonly user: Registrant['user'];
  readonly passwordHash: string;
}

/**
 * Whether an account can be made of what somebody gave: well-formed identifiers, a password by the one rule for passwords. It
 * costs a hash, whoever the address belongs to.
 * @param isProven whether the address will be proven before the account is made
 */
export async function admit(
  corridor: Corridor,
  attempt: Attempt,
  registrant: Registrant,
  isProven: boolean,
): Promise<Admitted | Outcome> {
  const { email, username, user, password } = registrant;
  if (!isMailAddress(email) || typeof canonicalForms({ email, username, phone: null }) === 'string')
    return declined('identifier-malformed');
  if (readsAsAddress(username) && !(isProven && isSameName(username, email)))
    return declined('username-not-allowed');
  const home = await homeOf(corridor, attempt);
  if (home === 'closed') return declined('sign-up-disabled');
  const words = ownWordsOf({ username, email, user, home, memberships: [] });
  const problem = await corridor.passwords.problemWith(password, words, attempt.caller.requestId);
  if (problem !== null) return declined(problem);
  const passwordHash = await corridor.hashes.hash(password, sourceOf(attempt));
  if (typeof passwordHash !== 'string')
    return { kind: 'overloaded', retryAfterSeconds: passwordHash.retryAfterSeconds };
  return { email, username, user, passwordHash };
}

/**
 * Whether a user name reads as an e-mail address or a phone number. Whoever had somebody else's could be taken for its
 * owner, who could have no account then.
 */
function readsAsAddress(username: string | null): username is string {
  if (username === null) return false;
  return canonicalName(username)?.includes('@') === true || canonicalPhone(username, null) !== null;
}

function isSameName(one: string, other: string): boolean {
  return canonicalName(one) === canonicalName(other);
}

/** The home of who signs up at a mount; `'closed'` where nobody may now: it is suspended, or is not there. */
async function homeOf(corridor: Corridor, { mount }: Attempt): Promise<Organisation | null | 'closed'> {
  if (mount.organisation === null) return null;
  const home = await corridor.store.organisations.byId(mount.organisation);
  return home === null || home.isSuspended ? 'closed' : home;
}

/**
 * Makes an account in the mount's home. Its role, its memberships and what is validated are not for who signs up to say.
 * @param isProven whether the address was proven
 * @param also what is committed with it
 * @returns the account's id; a decline when an identifier is somebody's already, in whatever spelling; a refusal when what is
 *   spent with it was spent before
 */
export async function makeAccount(
  corridor: Corridor,
  attempt: Attempt,
  { email, username, user, passwordHash }: Admitted,
  isProven: boolean,
  also: (accountId: string) => readonly Change[],
): Promise<{ readonly id: string } | Extract<Outcome, { kind: 'refused' | 'declined' }>> {
  const { store, random, clock } = corridor;
  const forms = canonicalForms({ email, username, phone: null });
  if (typeof forms === 'string') return declined('identifier-malformed');
  const id = randomUuid(random);
  const homeId = attempt.mount.organisation;
  const record = {
    id,
    number: firstTaken(await store.commit([takeNumbers('account', 1)]), 1),
    homeId,
    user: { id: randomUuid(random), ...user, avatar: null },
    username,
    email,
    phone: null,
    passwordHash,
    importedHash: null,
    status: 'active',
    emailValidated: isProven,
    phoneValidated: false,
    createdAt: clock.now(),
    factorEmail: false,
    totpSealed: null,
    recogniseDevices: false,
    role: null,
    stats: '{}',
    attributes: '{}',
    epoch: 1,
  } as const;
  const identifiers = [...forms].map(([canonical, kinds]) => ({ accountId: id, homeId, canonical, kinds }));
  try {
    const committed = await store.commit([...also(id), ...saveAccounts([record], identifiers, [])]);
    return committed.ok ? { id } : refused('ticket-invalid');
  } catch (error) {
    if (error instanceof StoreConflictError) return declined('identifier-taken');
    throw error;
  }
}
