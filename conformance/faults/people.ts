import { hashPassword } from '../../server/src/crypto/password-hash.ts';
import type { Workplace } from '../../server/testing/process.ts';
import { SEED } from '../../server/testing/totp.ts';

/** Everybody's password to begin with. */
export const PASSWORD = 'the password of everybody here';

/** What nobody's password is. */
export const WRONG_PASSWORD = 'nobody has this password';

const PASSWORD_HASH = hashPassword(PASSWORD, { memoryKib: 256, passes: 1, parallelism: 1 });

/** How many there are of each kind. */
export interface Population {
  /** `user0`, `user1`, …: sign in with a password. */
  readonly users?: number;
  /** `mailed0`, …: are asked for a mailed code too. */
  readonly mailed?: number;
  /** `guessed0`, …: whom wrong passwords are tried on. */
  readonly guessed?: number;
  /** `changes0`, …: who change their passwords. */
  readonly changing?: number;
  /** `authenticated0`, …: are asked for a code of their authenticator app too, of the seed of the tests. */
  readonly authenticated?: number;
  /** Codes `CODE0`, … of the context `drill`, good once each. */
  readonly codes?: number;
}

/** Makes the schema and loads people into it. */
export async function loadPeople(work: Workplace, population: Population): Promise<void> {
  const person = (name: string, more: object = {}) => ({
    kind: 'account',
    username: name,
    email: `${name}@example.com`,
    emailValidated: true,
    passwordHash: PASSWORD_HASH,
    ...more,
  });
  const each = <T>(count: number | undefined, make: (index: number) => T): T[] =>
    Array.from({ length: count ?? 0 }, (_, index) => make(index));
  const lines = [
    ...each(population.users, (index) => person(`user${index}`, { id: accountId(1, index) })),
    ...each(population.mailed, (index) =>
      person(`mailed${index}`, { id: accountId(2, index), secondFactor: { email: true } }),
    ),
    ...each(population.guessed, (index) => person(`guessed${index}`, { id: accountId(3, index) })),
    ...each(population.changing, (index) => person(`changes${index}`, { id: accountId(4, index) })),
    ...each(population.authenticated, (index) =>
      person(`authenticated${index}`, { id: accountId(5, index), secondFactor: { totp: SEED } }),
    ),
    ...each(population.codes, (index) => ({ kind: 'resource', context: 'drill', code: `CODE${index}` })),
  ];
  await must(work, ['migrate']);
  await must(work, ['import', '-'], lines.map((line) => JSON.stringify(line)).join('\n'));
}

/** Runs a command that has to succeed, and gives what it printed. */
export async function must(work: Workplace, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await work.run(args, { input });
  if (code !== 0) throw new Error(`latchkey ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

function accountId(kind: number, index: number): string {
  return `00000000-0000-4000-800${kind}-${String(index).padStart(12, '0')}`;
}
