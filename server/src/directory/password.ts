import { codePoints } from '../code-points.ts';
import type { HashPool } from '../crypto/hash-pool.ts';
import { normalPassword, readStoredHash } from '../crypto/password-hash.ts';

const MINIMUM = 8;
const MAXIMUM = 1024;

/** The password that a line gives: plain, or as a hash from elsewhere. */
export interface GivenPassword {
  readonly password?: string | null;
  readonly passwordHash?: string | null;
}

/** What is wrong with a given password; null when nothing is. One rule for every path that sets one. */
export function passwordProblem(given: GivenPassword): string | null {
  const { password, passwordHash } = given;
  if (password != null && passwordHash != null) return 'it has both password and passwordHash';
  if (password != null) {
    const length = codePoints(normalPassword(password));
    return length < MINIMUM || length > MAXIMUM
      ? `password must have ${MINIMUM} to ${MAXIMUM} characters`
      : null;
  }
  if (passwordHash == null) return null;
  const hash = readStoredHash(passwordHash);
  return typeof hash === 'string' ? `passwordHash cannot be used: ${hash}` : null;
}

/**
 * The hash to store for a given password. A plain one that the present hash already matches keeps it, so that loading
 * the same file again changes nothing; a line that gives neither keeps what there is.
 */
export async function hashFor(
  given: GivenPassword,
  present: string | null,
  hashes: () => HashPool,
): Promise<string | null> {
  if (given.passwordHash != null) return given.passwordHash;
  if (given.password == null) return given.password === null || given.passwordHash === null ? null : present;
  if (present !== null && (await hashes().verify(given.password, present)) === true) return present;
  const hash = await hashes().hash(given.password);
  if (typeof hash !== 'string') throw new Error('the hash pool of an import has no time bound');
  return hash;
}
