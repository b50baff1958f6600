import type { AccountWithMemberships, Organisation } from './account.ts';

/** Whom a message is for, as far as its words depend on it. */
export interface Addressee {
  readonly name: string;
  /** The organisation that the person belongs to, then the group that that belongs to; empty without one. */
  readonly organisations: readonly string[];
  /** The language that the person reads, else that of the organisation, as a BCP 47 tag; null when nobody has said. */
  readonly locale: string | null;
}

/**
 * Whom a message to an account's owner is for. The organisation is the account's home, else the only one that it is a
 * member of: a person in several belongs to none more than to another.
 */
export function addresseeOf(account: AccountWithMemberships): Addressee {
  const organisation =
    account.home ?? onlyOne(account.memberships.map((membership) => membership.organisation));
  return {
    name: account.user.name,
    organisations: [organisation?.id, organisation?.parentId].filter((id) => typeof id === 'string'),
    locale: account.locale ?? textOf(organisation?.settings?.locale),
  };
}

function onlyOne(organisations: readonly Organisation[]): Organisation | null {
  const [first] = organisations;
  return first !== undefined && organisations.every(({ id }) => id === first.id) ? first : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
