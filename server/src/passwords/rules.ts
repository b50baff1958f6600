import { codePoints } from '../code-points.ts';

/** The fewest code points that a password may have where one is set. */
export const SHORTEST_PASSWORD = 8;

/** The most code points that a password may have where one is set. */
export const LONGEST_PASSWORD = 1024;

/** Why a password cannot be set, whoever sets it and wherever. */
export type PasswordProblem = 'password-length' | 'password-listed';

/**
 * Whether a password has a length that can be set, in code points after NFC. There are no rules about what it is made of
 * (ASVS 6.2.1, 6.2.5, 6.2.9).
 */
export function hasPasswordLength(password: string): boolean {
  const length = codePoints(password);
  return length >= SHORTEST_PASSWORD && length <= LONGEST_PASSWORD;
}
