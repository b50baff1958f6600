import type { IdentifierRecord } from '../store/account-records.ts';
import type { ImportContext, Loaded } from './import-context.ts';

/** What tells identifiers apart: the home and the canonical form. */
export const claimKey = (identifier: IdentifierRecord): string =>
  `${identifier.homeId ?? ''}\0${identifier.canonical}`;

/** Says that an account cannot have an identifier. */
export const contestedProblem = (canonical: string): string =>
  `another account in the same home has the identifier ${canonical}`;

/** Whose identifiers are, by home and canonical form; null for one that was given up. */
export type Owners = Map<string, string | null>;

/** Who has identifiers that are wanted. */
export async function readOwners(
  context: ImportContext,
  identifiers: readonly IdentifierRecord[],
): Promise<Owners> {
  const wanted = [...new Set(identifiers.map((identifier) => identifier.canonical))];
  const owners: Owners = new Map();
  for (let at = 0; at < wanted.length; at += OWNERS_A_READ) {
    const found = await context.core.store.accountRecords.owners(wanted.slice(at, at + OWNERS_A_READ));
    for (const identifier of found) owners.set(claimKey(identifier), identifier.accountId);
  }
  for (const key of identifiers.map(claimKey)) {
    const pretended = context.pretended.identifiers.get(key);
    if (pretended !== undefined) owners.set(key, pretended);
  }
  return owners;
}

const OWNERS_A_READ = 512;

/** A line of an account, as far as identifiers go. */
export interface Claimant {
  readonly accountId: string;
  readonly has: readonly IdentifierRecord[];
  readonly wants: readonly IdentifierRecord[];
  /** What stands against the line already: it then takes nothing and gives nothing up. */
  readonly refusal: Loaded | null;
}

/**
 * Takes identifiers for accounts, the first in line first. What one of them has and wants no more, another can have: they are
 * written together. One that is refused keeps what it has.
 * @param stored who has what before
 */
export function claimAll(
  stored: Owners,
  claimants: readonly Claimant[],
): { readonly owners: Owners; readonly refusals: readonly (Loaded | null)[] } {
  let giving = claimants.flatMap((claimant, index) => {
    const keys = claimant.refusal === null ? givenUp(claimant) : [];
    return keys.length > 0 ? [{ accountId: claimant.accountId, index, keys }] : [];
  });
  for (;;) {
    const owners = new Map(stored);
    for (const { accountId, keys } of giving)
      for (const key of keys) if ((owners.get(key) ?? accountId) === accountId) owners.set(key, null);
    const refusals = claimants.map((claimant) => claimant.refusal ?? claim(owners, claimant.wants));
    const successful = giving.filter(({ index }) => refusals[index] === null);
    if (successful.length === giving.length) return { owners, refusals };
    giving = successful;
  }
}

function givenUp({ has, wants }: Claimant): string[] {
  if (has.length === 0) return [];
  const kept = new Set(wants.map(claimKey));
  return has.map(claimKey).filter((key) => !kept.has(key));
}

function claim(owners: Owners, identifiers: readonly IdentifierRecord[]): Loaded | null {
  const taken = identifiers.find(
    (identifier) => (owners.get(claimKey(identifier)) ?? identifier.accountId) !== identifier.accountId,
  );
  if (taken) return { contested: taken.canonical };
  for (const identifier of identifiers) owners.set(claimKey(identifier), identifier.accountId);
  return null;
}
