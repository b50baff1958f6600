import { hashSync } from '@node-rs/argon2';
import { hashSync as bcryptSync } from '@node-rs/bcrypt';
import { DOORS } from '../../server/testing/doors.ts';

/** How one contract is signed in at. */
export interface TimedDoor {
  readonly contract: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  body(who: { email: string; password: string }): object;
}

/** Every contract, the native one among them. */
export const TIMED_DOORS: readonly TimedDoor[] = [
  ...DOORS,
  {
    contract: 'native',
    path: '/v1/sign-in',
    body: ({ email, password }) => ({ identifier: email, password }),
  },
];

/** One try to sign in, which is refused. */
export interface Attempt {
  readonly reason: string;
  readonly email: string;
  readonly password: string;
}

const PASSWORD = 'the right password';
const ORGANISATIONS = {
  suspended: '00000000-0000-4000-8000-000000000001',
  locking: '00000000-0000-4000-8000-000000000002',
};

const current = hashSync(PASSWORD, { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 });

/** Every reason to refuse: what the account is like, and the password that is tried; null for one that does not exist. */
const REASONS: Readonly<Record<string, { account: object | null; password?: string; primed?: boolean }>> = {
  unknown: { account: null },
  wrong: { account: {} },
  'no password': { account: { passwordHash: null } },
  inactive: { account: { status: 'inactive' } },
  'not validated': { account: { emailValidated: false } },
  suspended: { account: { organisation: ORGANISATIONS.suspended } },
  locked: { account: { organisation: ORGANISATIONS.locking }, primed: true },
  'old hash, argon2id': {
    account: { passwordHash: hashSync(PASSWORD, { algorithm: 2, memoryCost: 4096, timeCost: 1 }) },
  },
  'old hash, bcrypt': { account: { passwordHash: bcryptSync(PASSWORD, 10) } },
  'empty password': { account: {}, password: '' },
  'empty password, unknown': { account: null, password: '' },
  'long password': { account: {}, password: 'x'.repeat(1025) },
  'long password, unknown': { account: null, password: 'x'.repeat(1025) },
};

/** Whether an account has to fail once before it is as its reason says. */
export function isPrimed({ reason }: Attempt): boolean {
  return REASONS[reason]?.primed === true;
}

/** So many attempts for each reason, each on an account of its own. */
export function attemptsAt(door: TimedDoor, samples: number): Attempt[] {
  return Object.entries(REASONS).flatMap(([reason, { password = 'a wrong password' }], index) =>
    Array.from({ length: samples }, (_, number) => ({
      reason,
      email: `${door.contract}-${index}-${number}@example.com`,
      password,
    })),
  );
}

/** The directory file in which everybody is whom those attempts name. */
export function directoryFor(doors: readonly TimedDoor[], samples: number): string {
  const organisations = [
    { kind: 'organisation', id: ORGANISATIONS.suspended, name: 'Suspended', isSuspended: true },
    {
      kind: 'organisation',
      id: ORGANISATIONS.locking,
      name: 'Locking',
      settings: { maxFailedSignInAttempts: 1 },
    },
  ];
  const accounts = doors
    .flatMap((door) => attemptsAt(door, samples))
    .flatMap(({ reason, email }) => {
      const { account } = REASONS[reason] ?? {};
      const user = { name: email };
      return account
        ? [{ kind: 'account', email, emailValidated: true, passwordHash: current, user, ...account }]
        : [];
    });
  const lines = [
    ...organisations,
    ...accounts.map((account, index) => ({ ...account, id: numberedUuid(index) })),
  ];
  return lines.map((line) => JSON.stringify(line)).join('\n');
}

function numberedUuid(number: number): string {
  return `00000000-0000-4000-9000-${String(number).padStart(12, '0')}`;
}
