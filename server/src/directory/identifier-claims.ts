import type { IdentifierRecord } from '../store/account-records.ts';
import type { ImportContext, Loaded } from './import-context.ts';

/** What tells identifiers apart: the home and the canonical form. */
export const claimKey = (identifier: IdentifierRecord): string =>
  `${identifier.homeId ?? ''}\0${identifier.canonical}`;

/** Who has identifiers that are wanted, by home and canonical form. */
export async function readOwners(
  context: ImportContext,
  identifiers: readonly IdentifierRecord[],
): Promise<Map<string, string>> {
  const wanted = [...new Set(identifiers.map((identifier) => identifier.canonical))];
  const owners = new Map(context.pretended.identifiers);
  for (let at = 0; at < wanted.length; at += OWNERS_A_READ) {
    const found = await context.core.store.accountRecords.owners(wanted.slice(at, at + OWNERS_A_READ));
    for (const identifier of found) owners.set(claimKey(identifier), identifier.accountId);
  }
  return owners;
}

const OWNERS_A_READ = 512;

/** Takes identifiers for an account, or says that another one in the same home has one of them. */
export function claim(owners: Map<string, string>, identifiers: readonly IdentifierRecord[]): Loaded | null {
  const taken = identifiers.find(
    (identifier) => (owners.get(claimKey(identifier)) ?? identifier.accountId) !== identifier.accountId,
  );
  if (taken) return { problem: `another account in the same home has the identifier ${taken.canonical}` };
  for (const identifier of identifiers) owners.set(claimKey(identifier), identifier.accountId);
  return null;
}
