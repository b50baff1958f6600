import { canonicalName, canonicalPhone, KIND_BITS } from '../accounts/identifier.ts';
import { isMailAddress } from '../delivery/mail-address.ts';
import { parseTotpSeed } from '../factors/totp.ts';
import type { IdentifierRecord } from '../store/account-records.ts';
import type { AccountLine } from './line.ts';
import { passwordProblem } from './password.ts';

/**
 * The canonical forms by which an account can be found: one form can be a user name and an e-mail address at once.
 * @returns them, or a sentence about what is wrong with the line that a schema cannot say
 */
export function identifiersOf(line: AccountLine): readonly IdentifierRecord[] | string {
  const { username, email, phone } = line;
  const name = username == null ? null : canonicalName(username);
  const address = email == null || !isMailAddress(email) ? null : canonicalName(email);
  const number = phone == null ? null : canonicalPhone(phone, null);
  if (username != null && name === null) return 'username is empty or has characters that cannot be seen';
  if (email != null && address === null) return 'email is not an e-mail address';
  if (phone != null && number === null)
    return 'phone is not a number in international notation, such as +34600111222';
  const problem = otherProblem(line);
  if (problem !== null) return problem;

  const kinds = new Map<string, number>();
  const add = (canonical: string | null, bit: number): void => {
    if (canonical !== null) kinds.set(canonical, (kinds.get(canonical) ?? 0) | bit);
  };
  add(name, KIND_BITS.username);
  add(address, KIND_BITS.email);
  add(number, KIND_BITS.phone);
  const homeId = line.organisation?.toLowerCase() ?? null;
  return [...kinds].map(([canonical, bits]) => ({
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
  if (line.createdAt != null && Number.isNaN(Date.parse(line.createdAt))) return 'createdAt is not a time';
  return passwordProblem(line);
}
