import type { AccountWithMemberships } from '../accounts/account.ts';
import { canonicalName, canonicalPhone, type IdentifierKind, kindBits } from '../accounts/identifier.ts';
import { lockAfter } from '../accounts/policy.ts';
import type { IdentifierLookup } from '../store/accounts.ts';
import type { AttemptLimit } from '../store/count-attempt.ts';
import type { GivenIdentifier } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { accountKey, type Counted, unknownKey } from './throttle.ts';

/** An account that may be meant, and what its attempts are counted under. */
export interface Candidate {
  readonly account: AccountWithMemberships;
  readonly counted: Counted;
}

/** Who may be meant, and what the attempt counts for beside those. */
export interface Identified {
  /** The accounts that a password is tried on, in order of preference; none when nobody is meant. */
  readonly candidates: readonly Candidate[];
  /** Those that would be too many. */
  readonly others: readonly AccountWithMemberships[];
  /** What an attempt counts under, too: it is not tried there. */
  readonly besides: readonly Counted[];
}

/** Finds the accounts that all the given identifiers name, of which there is one at least, in the homes that the mount serves. */
export async function identify(
  corridor: Pick<Corridor, 'store' | 'vault' | 'limits'>,
  attempt: Attempt,
  identifiers: readonly GivenIdentifier[],
): Promise<Identified> {
  const found = await Promise.all(
    identifiers.map((identifier) => accountsNamed(corridor, attempt, identifier)),
  );
  const named = found.reduce((those, accounts) =>
    those.filter((account) => accounts.some((other) => other.id === account.id)),
  );
  return {
    candidates: named.slice(0, MOST_CANDIDATES).map((account) => ({
      account,
      counted: { key: accountKey(account.id), limit: passwordLimit(corridor, account) },
    })),
    others: named.slice(MOST_CANDIDATES),
    besides: await countedBesides(corridor, attempt, identifiers, named.length > 0),
  };
}

/**
 * What was typed counts in each of its forms, the same wherever and as whatever it was typed: a form that names nobody at all
 * for itself, and where nobody is meant here, one that names somebody elsewhere for those. Otherwise attempts that can only
 * fail would tell, at a door where they could succeed, whether there is anybody (ASVS 6.3.8).
 */
async function countedBesides(
  corridor: Pick<Corridor, 'store' | 'vault' | 'limits'>,
  { mount }: Attempt,
  identifiers: readonly GivenIdentifier[],
  isSomebodyMeant: boolean,
): Promise<Counted[]> {
  const forms = identifiers.map(({ value }) =>
    lookupsOf({ value, kinds: ALL_KINDS }, mount.phoneRegion).map(({ canonical }) => canonical),
  );
  // The only form of somebody's name is that of somebody.
  if (isSomebodyMeant && forms.every(({ length }) => length === 1)) return [];
  const unknown = (form: string) => unknownKey(corridor.vault.hash('identifier', form));
  const keys = await Promise.all(
    [...new Set(forms.flat())].map(async (canonical) => {
      const anywhere = await corridor.store.accounts.named({ canonical, kinds: kindBits(ALL_KINDS) }, null);
      if (anywhere.length === 0) return [unknown(canonical)];
      return isSomebodyMeant ? [] : anywhere.slice(0, MOST_CANDIDATES).map(({ id }) => accountKey(id));
    }),
  );
  const nameless = identifiers.filter((_, index) => forms[index]?.length === 0);
  const all = new Set([...keys.flat(), ...nameless.map(({ value }) => unknown(value))]);
  const limit = passwordLimit(corridor, null);
  return [...all].map((key) => ({ key, limit }));
}

/** How many wrong passwords an account, an installation or an unknown name may have. */
export function passwordLimit(
  corridor: Pick<Corridor, 'limits'>,
  account: AccountWithMemberships | null,
): AttemptLimit {
  return {
    maxFailures: corridor.limits.maxFailures,
    waitSeconds: corridor.limits.lockSeconds,
    lockAfter: account === null ? null : lockAfter(account),
    forgets: true,
  };
}

const ALL_KINDS: readonly IdentifierKind[] = ['username', 'email', 'phone'];

/** The most accounts that one password is tried against: each costs a hash. */
const MOST_CANDIDATES = 10;

async function accountsNamed(
  corridor: Pick<Corridor, 'store'>,
  attempt: Attempt,
  identifier: GivenIdentifier,
): Promise<AccountWithMemberships[]> {
  const { mount } = attempt;
  const lookups = lookupsOf(identifier, mount.phoneRegion);
  const found = await Promise.all(
    lookups.map((lookup) => corridor.store.accounts.named(lookup, mount.organisation)),
  );
  const seen = new Map(found.flat().map((account) => [account.id, account]));
  // Each look-up has its own in this order: that of the shared home first, then the oldest.
  return [...seen.values()].sort(
    (left, right) =>
      Number(left.home !== null) - Number(right.home !== null) ||
      left.createdAt - right.createdAt ||
      left.number - right.number,
  );
}

/** The canonical forms of what was typed: as a name, and as a phone number where it can be one. */
function lookupsOf(identifier: GivenIdentifier, phoneRegion: string | null): IdentifierLookup[] {
  const lookups: IdentifierLookup[] = [];
  const nameKinds = identifier.kinds.filter((kind) => kind !== 'phone');
  const name = nameKinds.length > 0 ? canonicalName(identifier.value) : null;
  if (name !== null) lookups.push({ canonical: name, kinds: kindBits(nameKinds) });
  const phone = identifier.kinds.includes('phone') ? canonicalPhone(identifier.value, phoneRegion) : null;
  if (phone !== null) lookups.push({ canonical: phone, kinds: kindBits(['phone']) });
  return lookups;
}
