import { hashPassword } from '../../src/crypto/password-hash.ts';
import type { PasskeyAttestation } from '../../src/factors/passkey-response.ts';
import { createWebauthn, userHandleOf } from '../../src/factors/webauthn.ts';
import { freshRecoveryCodes } from '../../src/self-service/change-factors.ts';
import { addPasskey } from '../../src/store/passkeys.ts';
import { nextNumber } from '../app.ts';
import { loadDirectory, type TestCore, uuid } from '../core.ts';
import { newPasskey, PUBLIC_URL, RP_ID } from '../passkeys.ts';
import { SEED } from '../totp.ts';
import {
  type Account,
  type Held,
  type Model,
  newAccount,
  type Organisation,
  type Settings,
} from './state.ts';
import { noTries } from './tries.ts';

// Who plays: the same people in every run, under names that no other run has had.

/** Passwords that can be set: few, so that accounts come to have the same one, and older ones come back. */
export const PASSWORDS = [
  'kestrel over the tramway',
  'nine umbrellas at dusk',
  'a teapot full of gravel',
  'marzipan for the ferryman',
  'left handed cartographer',
  'the owl owes me a lamp',
  'seventeen quiet bicycles',
  'postcards from a glacier',
  'gooseberry and saltpetre',
  'an orchard by the canal',
] as const;

/** Roles that people have in the tests. */
export const ROLES = ['Student', 'Teacher', 'Clerk'] as const;

const PLAIN = 0;
const SCHOOL = 1;
const BUREAU = 2;
const SAFE = 3;

const ORGANISATIONS: readonly { name: string; settings: Settings }[] = [
  { name: 'Plain', settings: {} },
  { name: 'School', settings: { mfaForStudents: true, mfaForTeachers: true, maxFailedSignInAttempts: 4 } },
  { name: 'Bureau', settings: { requireSecondFactorFor: ['Clerk'] } },
  { name: 'Safe', settings: { requireSecondFactorFor: ['Clerk'], allowEmailPin: false } },
];

/** A part: which organisations it is about, by their places above; null is none. */
interface Part {
  readonly name: string;
  readonly username?: string;
  readonly home: number | null;
  readonly own?: string;
  readonly member?: readonly (readonly [number, string])[];
  readonly seed?: boolean;
  readonly mailedPin?: boolean;
  readonly recoveryCodes?: boolean;
  readonly passkey?: boolean;
  readonly recognisesDevices?: boolean;
  readonly validated?: boolean;
}

const PARTS: readonly Part[] = [
  { name: 'ada', home: null },
  { name: 'tom', home: PLAIN, own: 'Clerk', seed: true, recoveryCodes: true },
  { name: 'sue', home: SCHOOL, member: [[SCHOOL, 'Student']] },
  {
    name: 'max',
    home: null,
    passkey: true,
    own: 'Clerk',
    member: [
      [PLAIN, 'Student'],
      [BUREAU, 'Clerk'],
      [SCHOOL, 'Teacher'],
    ],
  },
  { name: 'dev', home: PLAIN, member: [[PLAIN, 'Student']], recognisesDevices: true },
  {
    name: 'castor',
    username: 'gemini',
    home: PLAIN,
    member: [
      [PLAIN, 'Clerk'],
      [SCHOOL, 'Teacher'],
    ],
  },
  {
    name: 'pollux',
    username: 'gemini',
    home: BUREAU,
    own: 'Clerk',
    seed: true,
    recoveryCodes: true,
    recognisesDevices: true,
  },
  {
    name: 'una',
    home: null,
    mailedPin: true,
    recoveryCodes: true,
    passkey: true,
    recognisesDevices: true,
    validated: false,
  },
  {
    name: 'vic',
    home: null,
    passkey: true,
    member: [
      [SAFE, 'Clerk'],
      [PLAIN, 'Student'],
    ],
  },
];

/** How many accounts there are. */
export const CAST_SIZE = PARTS.length;

/** Loads a fresh cast, and gives the model of it. @param lead the place of the account that is meant most often */
export async function loadCast(core: TestCore, lead: number): Promise<Model> {
  const run = nextNumber();
  const organisations: Organisation[] = ORGANISATIONS.map(({ name, settings }) => ({
    id: uuid(nextNumber()),
    name: `${name} ${run}`,
    settings,
    suspended: false,
  }));
  const accounts = PARTS.map((part, index) => accountOf(part, run, organisations, PASSWORDS[index] ?? ''));
  await loadDirectory(core, [
    ...organisations.map(({ id, name, settings }) => ({ kind: 'organisation', id, name, settings })),
    ...accounts.flatMap((account) => linesOf(core, account)),
  ]);
  for (const [index, part] of PARTS.entries()) {
    const account = accounts[index];
    if (part.recoveryCodes && account) await giveCodes(core, account);
    if (part.passkey && account) await givePasskey(core, account);
  }
  return {
    now: core.clock.now(),
    organisations,
    accounts,
    lead,
    nobodyTries: noTries(),
    tickets: [],
    sessions: [],
    tokens: new Map(),
    challenges: [],
    signed: [],
    signUps: [],
    formerAddresses: [],
  };
}

/** The name that nobody has in a run. */
export function nobodysName({ accounts }: Model): string {
  return `nobody.${accounts[0]?.username ?? ''}@example.com`;
}

function accountOf(
  part: Part,
  run: number,
  organisations: readonly Organisation[],
  password: string,
): Account {
  const at = (place: number): Organisation | null => organisations[place] ?? null;
  const own: Held[] = part.own === undefined ? [] : [{ organisation: null, role: part.own }];
  const member: Held[] = (part.member ?? []).map(([place, role]) => ({ organisation: at(place), role }));
  return newAccount({
    id: uuid(nextNumber()),
    username: `${part.username ?? part.name}${run}`,
    email: `${part.name}${run}@example.com`,
    home: part.home === null ? null : at(part.home),
    roles: [...own, ...member],
    recognisesDevices: part.recognisesDevices ?? false,
    passwords: [password],
    validated: part.validated ?? true,
    seed: part.seed ? `${SEED.slice(0, -4)}${part.name === 'tom' ? 'AAAA' : 'BBBB'}` : null,
    mailedPin: part.mailedPin ?? false,
  });
}

function linesOf({ config }: TestCore, account: Account): object[] {
  const { id, username, email, home, roles, passwords, validated, seed, mailedPin } = account;
  const own = roles.find(({ organisation }) => organisation === null);
  const line = {
    kind: 'account',
    id,
    username,
    email,
    emailValidated: validated,
    passwordHash: hashPassword(passwords[0] ?? '', config.hashing),
    recogniseDevices: account.recognisesDevices,
    secondFactor: { email: mailedPin, ...(seed === null ? {} : { totp: seed }) },
    ...(home === null ? {} : { organisation: home.id }),
    ...(own === undefined ? {} : { role: own.role }),
  };
  const memberships = roles.flatMap(({ organisation, role }) =>
    organisation === null ? [] : [{ kind: 'membership', account: id, organisation: organisation.id, role }],
  );
  return [line, ...memberships];
}

async function giveCodes(core: TestCore, account: Account): Promise<void> {
  const { codes, changes } = freshRecoveryCodes(core, account.id);
  await core.store.commit(changes);
  account.recoveryCodes = new Set(codes);
  account.everyRecoveryCode.push(...codes);
}

const WEBAUTHN = createWebauthn(() => ({ id: RP_ID, origins: [PUBLIC_URL] }));

async function givePasskey({ store, vault, clock }: TestCore, account: Account): Promise<void> {
  const key = newPasskey();
  const user = { id: userHandleOf(account.id, vault) };
  const credential = key.make({ challenge: 'bm90aGluZw', user }) as {
    response: Omit<PasskeyAttestation, 'id'>;
  };
  const made = await WEBAUTHN.checkMade({ id: key.id, ...credential.response });
  if (made === null) throw new Error('a passkey was not made');
  const known = { ...made, accountId: account.id, name: null, createdAt: clock.now(), lastUsedAt: null };
  await store.commit([addPasskey(known)]);
  const held = { key, counter: made.counter };
  account.passkeys = [held];
  account.everyPasskey.push(held);
}
