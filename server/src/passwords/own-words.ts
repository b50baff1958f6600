import type { Organisation, User } from '../accounts/account.ts';

type NamedOrganisation = Pick<Organisation, 'name' | 'accountName' | 'settings'>;

/** Whose password it is to be, as far as that gives words that others would try. An account is one. */
export interface PasswordOwner {
  readonly username: string | null;
  readonly email: string | null;
  readonly user: Pick<User, 'name' | 'firstName' | 'lastName'>;
  readonly home: NamedOrganisation | null;
  readonly memberships: readonly { readonly organisation: NamedOrganisation }[];
}

// The bound on what the worker is given.
const MOST_WORDS = 200;
const LONGEST_WORD = 128;

const SEPARATORS = /[^\p{L}\p{M}\p{N}]+/u;

/**
 * The words that no password may consist of: the owner's names and the parts of the e-mail address, the names of the
 * organisations, and what those list as `passwordWords` in their settings (ASVS 6.2.11).
 */
export function ownWordsOf(owner: PasswordOwner): string[] {
  const { username, email, user, home, memberships } = owner;
  const organisations = [home, ...memberships.map(({ organisation }) => organisation)].filter(
    (organisation) => organisation !== null,
  );
  const names = [
    username,
    email,
    ...emailParts(email),
    user.name,
    user.firstName,
    user.lastName,
    [user.firstName, user.lastName].filter(Boolean).join(' '),
    ...organisations.flatMap(({ name, accountName, settings }) => [
      name,
      accountName,
      ...passwordWords(settings),
    ]),
  ];
  const words = names.flatMap((name) => (name ? [name, ...name.split(SEPARATORS), withoutDigits(name)] : []));
  return [...new Set(words)].filter((word) => word.length <= LONGEST_WORD).slice(0, MOST_WORDS);
}

/** `ada.byron@mail.example.com` is known to everybody as `ada.byron`, at `mail.example` and at `example`. */
function emailParts(email: string | null): string[] {
  if (email === null) return [];
  const at = email.lastIndexOf('@');
  const labels = email.slice(at + 1).split('.');
  return [email.slice(0, Math.max(0, at)), labels.slice(0, -1).join('.')];
}

/** An organisation's own list. Whatever else stands there is no word. */
function passwordWords(settings: NamedOrganisation['settings']): string[] {
  const words = settings?.passwordWords;
  return Array.isArray(words) ? words.filter((word) => typeof word === 'string') : [];
}

/** A user name that ends in digits is tried with others behind it. */
function withoutDigits(name: string): string {
  return name.replace(/^\p{N}+|\p{N}+$/gu, '');
}
