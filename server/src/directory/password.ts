import type { HashPool } from '../crypto/hash-pool.ts';
import { readStoredHash } from '../crypto/password-hash.ts';
import { secretHash } from '../crypto/vault.ts';
import { OperatorError } from '../errors.ts';
import { hasPasswordLength, LONGEST_PASSWORD, SHORTEST_PASSWORD } from '../passwords/rules.ts';

/** The password that a line gives: plain, or as a hash from elsewhere. */
export interface GivenPassword {
  readonly password?: string | null;
  readonly passwordHash?: string | null;
}

/**
 * What is wrong with a given password; null when nothing is. Lines carry passwords over that are in use already: whether one
 * is easy to guess is another question.
 */
export function passwordProblem(given: GivenPassword): string | null {
  const { password, passwordHash } = given;
  if (password != null && passwordHash != null) return 'it has both password and passwordHash';
  if (password != null)
    return hasPasswordLength(password)
      ? null
      : `password must have ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters`;
  if (passwordHash == null) return null;
  const hash = readStoredHash(passwordHash);
  return typeof hash === 'string' ? `passwordHash cannot be used: ${hash}` : null;
}

/** A password as it is stored. */
export interface StoredPassword {
  readonly passwordHash: string | null;
  /** The digest of the hash that a file gave last; null when it gave none. */
  readonly importedHash: string | null;
}

/** Where there is no password yet. */
export const NO_PASSWORD: StoredPassword = { passwordHash: null, importedHash: null };

/** Stands for a hash in a dry run, which makes none. */
const NOT_HASHED = '';

/**
 * What to store for a given password. Loading the same file again changes nothing: a plain password that the present
 * hash already matches keeps it, and so does a hash that was loaded before, which may have been renewed since. A line
 * that gives neither keeps what there is.
 * @param hashes null in a dry run
 */
export async function passwordFor(
  given: GivenPassword,
  present: StoredPassword,
  hashes: HashPool | null,
): Promise<StoredPassword> {
  if (given.passwordHash != null) return importedPassword(given.passwordHash, present);
  if (given.password == null)
    return given.password === null || given.passwordHash === null ? NO_PASSWORD : present;
  if (hashes === null) return { passwordHash: present.passwordHash ?? NOT_HASHED, importedHash: null };
  const { passwordHash } = present;
  if (passwordHash !== null && (await hashes.verify(given.password, passwordHash)) === true)
    return { passwordHash, importedHash: null };
  const hash = await hashes.hash(given.password);
  if (typeof hash !== 'string')
    throw new OperatorError('there is no memory to hash a password in: see hashing.memoryKib');
  return { passwordHash: hash, importedHash: null };
}

function importedPassword(passwordHash: string, present: StoredPassword): StoredPassword {
  const importedHash = secretHash(passwordHash);
  const isKnown = present.passwordHash !== null && present.importedHash === importedHash;
  return isKnown || present.passwordHash === passwordHash ? present : { passwordHash, importedHash };
}
