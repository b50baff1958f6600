import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { createPasswordPolicy } from '../passwords/policy.ts';
import type { PasswordProblem } from '../passwords/rules.ts';

const PROBLEMS: Readonly<Record<PasswordProblem, string>> = {
  'password-length': 'password must have 8 to 1024 characters',
  'password-listed':
    'password is too easy to guess: it is known from breaches, is one that everybody tries, or is a name of its owner’s',
};

/**
 * The same rule as for a password that its owner sets.
 * @param ownWords what it must not be made of
 * @throws OperatorError when it does not keep to it
 */
export async function requireGoodPassword(
  core: Core,
  password: string,
  ownWords: readonly string[],
): Promise<void> {
  const policy = await createPasswordPolicy(core.config.passwords, core);
  try {
    const problem = await policy.problemWith(password, ownWords);
    if (problem !== null) throw new OperatorError(PROBLEMS[problem]);
  } finally {
    await policy.close();
  }
}
