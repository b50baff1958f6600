import type { AccountWithMemberships } from '../accounts/account.ts';
import { canonicalName, canonicalPhone, kindBits } from '../accounts/identifier.ts';
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

/** Who may be meant: the accounts in order of preference, or nobody, who is counted all the same. */
export type Identified =
  | {
      /** Those that a password is tried on. */
      readonly candidates: readonly Candidate[];
      /** Those that would be too many. */
      readonly others: readonly AccountWithMemberships[];
    }
  | { readonly nobody: Counted };

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
  if (named.length > 0) {
    return {
      candidates: named.slice(0, MOST_CANDIDATES).map((account) => ({
        account,
        counted: { key: accountKey(account.id), limit: passwordLimit(corridor, account) },
      })),
      others: named.slice(MOST_CANDIDATES),
    };
  }
  const spelling = identifiers.map(
    (identifier) => lookupsOf(identifier, attempt.mount.phoneRegion).at(-1)?.canonical ?? identifier.value,
  );
  const hash = corridor.vault.hash('identifier', spelling.join('\0'));
  return { nobody: { key: unknownKey(hash), limit: passwordLimit(corridor, null) } };
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
