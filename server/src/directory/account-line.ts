import { canonicalName, canonicalPhone, KIND_BITS } from '../accounts/identifier.ts';
import { isMailAddress } from '../delivery/mail-address.ts';
import { parseTotpSeed } from '../factors/totp.ts';
import type { IdentifierRecord } from '../store/account-records.ts';
import type { AccountLine } from './line.ts';
import { passwordProblem } from './password.ts';

/** What a schema cannot say about an account's line: null when all is well. */
export function accountProblem(line: AccountLine): string | null {
  const { username, email, phone } = line;
  if (username != null && canonicalName(username) === null)
    return 'username is empty or has characters that cannot be seen';
  if (email != null && (!isMailAddress(email) || canonicalName(email) === null))
    return 'email is not an e-mail address';
  if (phone != null && canonicalPhone(phone, null) === null)
    return 'phone is not a number in international notation, such as +34600111222';
  if (line.secondFactor?.totp != null && parseTotpSeed(line.secondFactor.totp) === null)
    return 'secondFactor.totp is not base32 of at least 80 bits';
  if (line.createdAt != null && Number.isNaN(Date.parse(line.createdAt))) return 'createdAt is not a time';
  return passwordProblem(line);
}

/** The canonical forms by which an account can be found. One form can be a user name and an e-mail address at once. */
export function identifiersOf(line: AccountLine): IdentifierRecord[] {
  const forms: readonly (readonly [string | null, number])[] = [
    [line.username == null ? null : canonicalName(line.username), KIND_BITS.username],
    [line.email == null ? null : canonicalName(line.email), KIND_BITS.email],
    [line.phone == null ? null : canonicalPhone(line.phone, null), KIND_BITS.phone],
  ];
  const kinds = new Map<string, number>();
  for (const [canonical, bit] of forms)
    if (canonical !== null) kinds.set(canonical, (kinds.get(canonical) ?? 0) | bit);
  const homeId = line.organisation?.toLowerCase() ?? null;
  return [...kinds].map(([canonical, bits]) => ({
    accountId: line.id.toLowerCase(),
    homeId,
    canonical,
    kinds: bits,
  }));
}
