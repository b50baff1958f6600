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
  const member = memberOf(organisation);
  return { ...member, name: account.user.name, locale: account.locale ?? member.locale };
}

/** Somebody of whom no more is known than the organisation, or not even that. */
export function memberOf(organisation: Organisation | null): Addressee {
  const locale = organisation?.settings?.locale;
  return {
    name: '',
    organisations: [organisation?.id, organisation?.parentId].filter((id) => typeof id === 'string'),
    locale: typeof locale === 'string' && locale !== '' ? locale : null,
  };
}

function onlyOne(organisations: readonly Organisation[]): Organisation | null {
  const [first] = organisations;
  return first !== undefined && organisations.every(({ id }) => id === first.id) ? first : null;
}
