import { timedUuid } from '../crypto/secret-text.ts';
import { parseTotpSeed } from '../factors/totp.ts';
import { type AccountRecord, type IdentifierRecord, saveAccounts } from '../store/account-records.ts';
import { vouchForSeeds } from '../store/attached.ts';
import { firstTaken, reserveNumbers, takeNumbers } from '../store/counters.ts';
import { removeRecoveryCodesWithoutFactor } from '../store/recovery-codes.ts';
import { hasOtherFactors, isUntrusted, sessionsAfter } from './account-change.ts';
import { identifiersOf } from './account-line.ts';
import { changeDevices, type DeviceChange, deviceChange, keepsDevices } from './device-change.ts';
import { claimAll, claimKey, type Owners, readOwners } from './identifier-claims.ts';
import {
  hashesFor,
  type ImportContext,
  type Item,
  isSame,
  type Loaded,
  type Loader,
  unacknowledged,
} from './import-context.ts';
import type { AccountLine } from './line.ts';
import { NO_PASSWORD, passwordFor, type StoredPassword } from './password.ts';

interface Present {
  readonly record: AccountRecord | undefined;
  readonly identifiers: readonly IdentifierRecord[];
  readonly fingerprintHashes: readonly string[];
}

interface Planned {
  readonly record: AccountRecord;
  /** What is there now, of an account that exists. */
  readonly before: AccountRecord | undefined;
  readonly identifiers: readonly IdentifierRecord[];
  readonly devices: DeviceChange | null;
}

/** Stands in a record until the store has given the account its number. */
const NO_NUMBER = 0;

/** Loads accounts with their users, identifiers and devices. */
export const loadAccounts: Loader<AccountLine> = async (context, items) => {
  let { present, owners, wanted, refusals } = await check(context, items);
  if (refusals.some((refusal) => refusal !== null)) {
    // An earlier line that is written meanwhile may give up an identifier.
    await context.earlier;
    ({ present, owners, wanted, refusals } = await check(context, items));
  }
  const passwords = await Promise.all(
    items.map(({ line }, index) =>
      refusals[index]
        ? NO_PASSWORD
        : passwordFor(line, present(line).record ?? NO_PASSWORD, hashesFor(context, line)),
    ),
  );
  const planned: Planned[] = [];
  const results = items.map(({ line }, index): Loaded => {
    const before = present(line);
    const refusal = refusals[index];
    if (refusal) return refusal;
    const plan = planFor(context, line, before, {
      password: passwords[index] ?? NO_PASSWORD,
      identifiers: wanted[index] ?? [],
    });
    if (before.record && isUnchanged(plan, before)) return 'unchanged';
    planned.push(plan);
    return before.record ? 'updated' : 'created';
  });
  if (context.dryRun) pretend(context, items, results, owners);
  else if (planned.length > 0) await write(context, planned);
  return results;
};

/** What is there of what lines speak of, and what stands against each of them. */
interface Checked {
  readonly present: (line: AccountLine) => Present;
  /** Who would have which identifier. */
  readonly owners: Owners;
  readonly wanted: readonly (readonly IdentifierRecord[])[];
  readonly refusals: readonly (Loaded | null)[];
}

async function check(context: ImportContext, items: readonly Item<AccountLine>[]): Promise<Checked> {
  const identifiers = items.map(({ line }) => identifiersOf(line));
  const wanted = identifiers.map((each) => (typeof each === 'string' ? [] : each));
  const present = await readPresent(context, items);
  const stored = await readOwners(context, wanted.flat());
  const claimants = items.map(({ line }, index) => ({
    accountId: line.id.toLowerCase(),
    has: present(line).identifiers,
    wants: wanted[index] ?? [],
    refusal:
      refusalOf(context, line, identifiers[index]) ??
      newnessProblem(context, present(line)) ??
      numberProblem(line, present(line)),
  }));
  return { present, wanted, ...claimAll(stored, claimants) };
}

function refusalOf(
  context: ImportContext,
  line: AccountLine,
  identifiers: readonly IdentifierRecord[] | string | undefined,
): Loaded | null {
  if (typeof identifiers === 'string') return { problem: identifiers };
  const home = line.organisation?.toLowerCase();
  if (home !== undefined && !context.organisations.has(home)) return { missing: `organisation ${home}` };
  if (line.role != null && !context.roles.has(line.role)) return { missing: `role ${line.role}` };
  return null;
}

function newnessProblem({ onlyNew }: ImportContext, { record }: Present): Loaded | null {
  return onlyNew && record ? { problem: `there is an account ${record.id} already` } : null;
}

function numberProblem(line: AccountLine, before: Present): Loaded | null {
  const given = line.number;
  return given !== undefined && before.record && before.record.number !== given
    ? { problem: `its number is ${before.record.number} and cannot change` }
    : null;
}

async function readPresent(
  context: ImportContext,
  items: readonly Item<AccountLine>[],
): Promise<(line: AccountLine) => Present> {
  const { accountRecords } = context.core.store;
  const ids = items.map(({ line }) => line.id.toLowerCase());
  const records = await accountRecords.byIds(ids);
  // Of those that are new nothing else can be there.
  const existing = records.map((record) => record.id);
  const [identifiers, devices] = await Promise.all([
    accountRecords.identifiersOf(existing),
    accountRecords.devicesOf(existing),
  ]);
  const recordById = new Map(records.map((record) => [record.id, record]));
  const identifiersById = Map.groupBy(identifiers, (identifier) => identifier.accountId);
  const devicesById = Map.groupBy(devices, (device) => device.accountId);
  return (line) => {
    const id = line.id.toLowerCase();
    const fingerprintHashes = (devicesById.get(id) ?? []).map((device) => device.fingerprintHash);
    return { record: recordById.get(id), identifiers: identifiersById.get(id) ?? [], fingerprintHashes };
  };
}

function planFor(
  context: ImportContext,
  line: AccountLine,
  before: Present,
  given: { password: StoredPassword; identifiers: readonly IdentifierRecord[] },
): Planned {
  const { core } = context;
  const present = before.record;
  const record: AccountRecord = {
    id: line.id.toLowerCase(),
    number: present?.number ?? line.number ?? NO_NUMBER,
    homeId: line.organisation?.toLowerCase() ?? null,
    user: userFor(context, line, present),
    username: line.username ?? null,
    email: line.email ?? null,
    phone: line.phone ?? null,
    passwordHash: given.password.passwordHash,
    importedHash: given.password.importedHash,
    status: line.status ?? 'active',
    emailValidated: line.emailValidated ?? false,
    phoneValidated: line.phoneValidated ?? false,
    createdAt: line.createdAt == null ? (present?.createdAt ?? core.clock.now()) : Date.parse(line.createdAt),
    factorEmail: line.secondFactor?.email ?? false,
    totpSealed: sealedSeed(context, line, present),
    recogniseDevices: line.recogniseDevices ?? false,
    role: line.role ?? null,
    stats: JSON.stringify(line.stats ?? {}),
    attributes: JSON.stringify(line.attributes ?? {}),
    epoch: present?.epoch ?? 1,
  };
  return {
    record,
    before: present,
    identifiers: given.identifiers,
    devices: deviceChange(line, before.fingerprintHashes, core.vault),
  };
}

function userFor(
  context: ImportContext,
  line: AccountLine,
  present: AccountRecord | undefined,
): AccountRecord['user'] {
  const { user } = line;
  if (user == null && present) return present.user;
  return {
    id:
      user?.id?.toLowerCase() ?? present?.user.id ?? timedUuid(context.core.clock.now(), context.core.random),
    name: user?.name ?? '',
    firstName: user?.firstName ?? null,
    lastName: user?.lastName ?? null,
    avatar: user?.avatar ?? null,
  };
}

/** A seed is sealed anew only when it is another one: sealing gives other bytes every time. */
function sealedSeed(
  context: ImportContext,
  line: AccountLine,
  present: AccountRecord | undefined,
): string | null {
  const seed = line.secondFactor?.totp == null ? null : parseTotpSeed(line.secondFactor.totp);
  if (seed === null) return null;
  const { vault } = context.core;
  if (present?.totpSealed != null && vault.unseal('totp', present.totpSealed) === seed)
    return present.totpSealed;
  return vault.seal('totp', seed);
}

function isUnchanged(plan: Planned, before: Present): boolean {
  const sorted = (identifiers: readonly IdentifierRecord[]) =>
    identifiers.map((identifier) => `${claimKey(identifier)}\0${identifier.kinds}`).sort();
  return (
    isSame(plan.record, before.record) &&
    isSame(sorted(plan.identifiers), sorted(before.identifiers)) &&
    keepsDevices(plan.devices)
  );
}

/** What a dry run would have left behind, for the lines that refer to it. */
function pretend(
  context: ImportContext,
  items: readonly Item<AccountLine>[],
  results: readonly Loaded[],
  owners: Owners,
): void {
  items.forEach(({ line }, index) => {
    if (typeof results[index] === 'string') context.pretended.accounts.add(line.id.toLowerCase());
  });
  for (const [key, owner] of owners) context.pretended.identifiers.set(key, owner);
}

async function write(context: ImportContext, planned: readonly Planned[]): Promise<void> {
  const { store, vault, clock } = context.core;
  await context.earlier;
  const records = await withNumbers(
    context,
    planned.map((plan) => plan.record),
  );
  const now = clock.now();
  const devices = planned.flatMap(({ record, before, devices }) => {
    const untrusted = before !== undefined && isUntrusted({ record, before });
    return changeDevices(record.id, devices, { isUntrusted: untrusted, vault, now });
  });
  const changed = planned.flatMap(({ record, before }) => (before ? [{ record, before }] : []));
  const idsOf = (pairs: readonly { record: AccountRecord }[]) => pairs.map(({ record }) => record.id);
  const given = planned.filter(({ record, before }) => record.totpSealed !== (before?.totpSealed ?? null));
  const identifiers = planned.flatMap((plan) => plan.identifiers);
  const highest = Math.max(...records.map((record) => record.number));
  const changes = [
    ...sessionsAfter(changed, now),
    reserveNumbers('account', highest),
    ...saveAccounts(records, identifiers, idsOf(changed), context.onlyNew ? 'fail' : 'update'),
    ...vouchForSeeds(idsOf(given)),
    ...devices,
    ...idsOf(changed.filter(hasOtherFactors)).map(removeRecoveryCodesWithoutFactor),
  ];
  const written = changed.length === 0 ? unacknowledged(changes) : changes;
  await store.commit([...written, ...context.beside]);
}

async function withNumbers(
  context: ImportContext,
  records: readonly AccountRecord[],
): Promise<AccountRecord[]> {
  const count = records.filter((record) => record.number === NO_NUMBER).length;
  if (count === 0) return [...records];
  let next = firstTaken(
    await context.core.store.commit(unacknowledged([takeNumbers('account', count)])),
    count,
  );
  return records.map((record) => (record.number === NO_NUMBER ? { ...record, number: next++ } : record));
}
