import { canonicalForms, type IdentifierKind } from '../accounts/identifier.ts';
import { isMailAddress } from '../delivery/mail-address.ts';
import { parseTotpSeed } from '../factors/totp.ts';
import type { IdentifierRecord } from '../store/account-records.ts';
import type { AccountLine } from './line.ts';
import { passwordProblem } from './password.ts';
import { readTime } from './time.ts';

const PROBLEMS: Readonly<Record<IdentifierKind, string>> = {
  username: 'username is empty or has characters that cannot be seen',
  email: 'email is not an e-mail address',
  phone: 'phone is not a number in international notation, such as +34600111222',
};

/**
 * The canonical forms by which an account can be found: one form can be a user name and an e-mail address at once.
 * @returns them, or a sentence about what is wrong with the line that a schema cannot say
 */
export function identifiersOf(line: AccountLine): readonly IdentifierRecord[] | string {
  const { username = null, email = null, phone = null } = line;
  if (email !== null && !isMailAddress(email)) return PROBLEMS.email;
  const forms = canonicalForms({ username, email, phone });
  if (typeof forms === 'string') return PROBLEMS[forms];
  const problem = otherProblem(line);
  if (problem !== null) return problem;
  const homeId = line.organisation?.toLowerCase() ?? null;
  return [...forms].map(([canonical, bits]) => ({
    accountId: line.id.toLowerCase(),
    homeId,
    canonical,
    kinds: bits,
  }));
}

function otherProblem(line: AccountLine): string | null {
  const seed = line.secondFactor?.totp;
  if (seed != null && parseTotpSeed(seed) === null)
    return 'secondFactor.totp is not base32 of at least 80 bits';
  if (line.createdAt != null && readTime(line.createdAt) === null) return 'createdAt is not a time';
  return passwordProblem(line);
}
