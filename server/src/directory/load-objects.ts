import type { Organisation, Role } from '../accounts/account.ts';
import { resourceCodeHash } from '../accounts/resource-code.ts';
import { raiseEpochs, setPasswordHash } from '../store/account-records.ts';
import { raiseResourceCodeUses } from '../store/consume.ts';
import { firstTaken, takeNumbers } from '../store/counters.ts';
import type { Change } from '../store/engine.ts';
import { type InstallationRecord, saveInstallations } from '../store/installations.ts';
import { addMemberships } from '../store/memberships.ts';
import { revokeOrganisations, saveOrganisations } from '../store/organisations.ts';
import { type ResourceCode, saveResourceCodes } from '../store/resource-codes.ts';
import { saveRoles } from '../store/roles.ts';
import {
  hashesFor,
  type ImportContext,
  type Item,
  isSame,
  type Loaded,
  type Loader,
} from './import-context.ts';
import type { InstallationLine, MembershipLine, OrganisationLine, ResourceLine, RoleLine } from './line.ts';
import { NO_PASSWORD, passwordFor, passwordProblem } from './password.ts';
import { readTime } from './time.ts';

/** Whether an object is made, changed, or there already. */
function resultOf(before: unknown, after: unknown): 'created' | 'updated' | 'unchanged' {
  if (before == null) return 'created';
  return isSame(before, after) ? 'unchanged' : 'updated';
}

async function writeUnlessDry(context: ImportContext, changes: readonly Change[]): Promise<void> {
  if (!context.dryRun && changes.length > 0) {
    await context.core.store.commit([...changes, ...context.beside]);
  }
}

/** Loads organisations. One whose parent comes later waits for it. */
export const loadOrganisations: Loader<OrganisationLine> = async (context, items) => {
  const known = new Map(context.organisations);
  const results: Loaded[] = [];
  const changed: Organisation[] = [];
  for (const { line } of items) {
    const after = organisationOf(line);
    const refusal = parentRefusal(known, after);
    const result = refusal ?? resultOf(known.get(after.id), after);
    if (!refusal) known.set(after.id, after);
    if (result === 'created' || result === 'updated') changed.push(after);
    results.push(result);
  }
  const suspended = changed.filter(
    ({ id, isSuspended }) => isSuspended && context.organisations.get(id)?.isSuspended === false,
  );
  await writeUnlessDry(context, [
    ...revokeOrganisations(
      suspended.map(({ id }) => id),
      context.core.clock.now(),
    ),
    ...saveOrganisations(changed),
  ]);
  for (const organisation of changed) context.organisations.set(organisation.id, organisation);
  return results;
};

function organisationOf(line: OrganisationLine): Organisation {
  return {
    id: line.id.toLowerCase(),
    name: line.name ?? '',
    accountName: line.accountName ?? null,
    parentId: line.parent?.toLowerCase() ?? null,
    isActive: line.isActive ?? false,
    isSuspended: line.isSuspended ?? false,
    isPaid: line.isPaid ?? false,
    settings: line.settings ?? null,
  };
}

/** A parent must be there, and must not be the organisation itself or one below it. */
function parentRefusal(known: ReadonlyMap<string, Organisation>, organisation: Organisation): Loaded | null {
  let above = organisation.parentId;
  for (let depth = 0; above !== null; depth += 1) {
    if (above === organisation.id || depth > known.size) return { problem: 'it would be its own parent' };
    const parent = known.get(above);
    if (!parent) return { missing: `organisation ${above}` };
    above = parent.parentId;
  }
  return null;
}

/** Loads roles. */
export const loadRoles: Loader<RoleLine> = async (context, items) => {
  const changed: Role[] = [];
  const results = items.map(({ line }) => {
    const after: Role = { name: line.name, permissions: line.permissions ?? [], admin: line.admin ?? null };
    const result = resultOf(context.roles.get(after.name), after);
    if (result !== 'unchanged') changed.push(after);
    return result;
  });
  await writeUnlessDry(context, saveRoles(changed));
  for (const role of changed) context.roles.set(role.name, role);
  return results;
};

/** Which of these accounts are there: in the store, or, in a dry run, on a line that was read. */
async function existingAccounts(
  context: ImportContext,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const stored = await context.core.store.accountRecords.existing([...new Set(ids)]);
  return new Set([...stored, ...context.pretended.accounts]);
}

/** Loads memberships. */
export const loadMemberships: Loader<MembershipLine> = async (context, items) => {
  const keys = items.map(({ line }) => ({
    accountId: line.account.toLowerCase(),
    organisationId: line.organisation.toLowerCase(),
    role: line.role,
  }));
  const accounts = await existingAccounts(
    context,
    keys.map((key) => key.accountId),
  );
  const present = await context.core.store.memberships.existing(keys);
  const added: typeof keys = [];
  const results = keys.map((key, index): Loaded => {
    if (!accounts.has(key.accountId)) return { missing: `account ${key.accountId}` };
    if (!context.organisations.has(key.organisationId))
      return { missing: `organisation ${key.organisationId}` };
    if (!context.roles.has(key.role)) return { missing: `role ${key.role}` };
    if (present[index]) return 'unchanged';
    added.push(key);
    return 'created';
  });
  await writeUnlessDry(context, addMemberships(added));
  return results;
};

/** Loads installations. */
export const loadInstallations: Loader<InstallationLine> = async (context, items) => {
  const accounts = await existingAccounts(
    context,
    items.flatMap(({ line }) => line.account?.toLowerCase() ?? []),
  );
  const planned = await Promise.all(items.map((item) => planInstallation(context, item, accounts)));
  const changed = planned.flatMap((plan) => ('record' in plan && plan.result !== 'unchanged' ? [plan] : []));
  await writeUnlessDry(context, [
    ...changed.flatMap((plan) => plan.changes),
    ...saveInstallations(changed.map((plan) => plan.record)),
  ]);
  return planned.map((plan) => ('record' in plan ? plan.result : plan));
};

type PlannedInstallation =
  | {
      record: InstallationRecord;
      /** What changes beside the record itself, of one that exists. */
      changes: readonly Change[];
      result: 'created' | 'updated' | 'unchanged';
    }
  | { problem: string }
  | { missing: string };

async function planInstallation(
  context: ImportContext,
  { line }: Item<InstallationLine>,
  accounts: ReadonlySet<string>,
): Promise<PlannedInstallation> {
  const problem = passwordProblem(line);
  if (problem !== null) return { problem };
  const accountId = line.account?.toLowerCase() ?? null;
  if (accountId !== null && !accounts.has(accountId)) return { missing: `account ${accountId}` };
  const before = await context.core.store.installations.record(line.installationId);
  const password = await passwordFor(line, before ?? NO_PASSWORD, hashesFor(context, line));
  const record: InstallationRecord = {
    id: line.installationId,
    passwordHash: password.passwordHash,
    importedHash: password.importedHash,
    accountId,
    status: line.status ?? 'active',
    epoch: before?.epoch ?? 1,
  };
  return {
    record,
    changes: before ? installationChanges(before, record, context.core.clock.now()) : [],
    result: resultOf(before, record),
  };
}

/** A new password, another account or a state that is not active ends what was issued to the installation before. */
function installationChanges(before: InstallationRecord, after: InstallationRecord, now: number): Change[] {
  if (before.passwordHash !== after.passwordHash)
    return setPasswordHash('installations', after.id, after.passwordHash, now);
  const ends =
    before.accountId !== after.accountId || (before.status === 'active' && after.status !== 'active');
  return ends ? raiseEpochs('installations', [after.id], 'installation-changed', now) : [];
}

/** Loads resource codes. A use that was counted stays counted: what is spent does not come back by loading a file. */
export const loadResources: Loader<ResourceLine> = async (context, items) => {
  const planned = await Promise.all(items.map(({ line }) => planResource(context, line)));
  const changed = planned.flatMap((plan) =>
    'record' in plan && plan.result !== 'unchanged' ? [plan.record] : [],
  );
  if (!context.dryRun && changed.length > 0) {
    const numbered = await withNumbers(context, changed);
    await writeUnlessDry(context, [...saveResourceCodes(numbered), ...numbered.map(raiseResourceCodeUses)]);
  }
  return planned.map((plan) => ('record' in plan ? plan.result : plan));
};

/** Stands in a record until the store has given the code its number. */
const NO_NUMBER = 0;

async function withNumbers(context: ImportContext, codes: readonly ResourceCode[]): Promise<ResourceCode[]> {
  const count = codes.filter((code) => code.number === NO_NUMBER).length;
  if (count === 0) return [...codes];
  let next = firstTaken(await context.core.store.commit([takeNumbers('resource-code', count)]), count);
  return codes.map((code) => (code.number === NO_NUMBER ? { ...code, number: next++ } : code));
}

type PlannedResource =
  | { record: ResourceCode; result: 'created' | 'updated' | 'unchanged' }
  | { problem: string };

async function planResource(context: ImportContext, line: ResourceLine): Promise<PlannedResource> {
  const expiresAt = line.expiresAt == null ? null : readTime(line.expiresAt);
  if (line.expiresAt != null && expiresAt === null) return { problem: 'expiresAt is not a time' };
  const { vault, store } = context.core;
  const codeHash = resourceCodeHash(vault, line.context, line.code);
  const before = await store.resourceCodes.byHash(line.context, codeHash);
  const record: ResourceCode = {
    number: before?.number ?? NO_NUMBER,
    context: line.context,
    codeHash,
    codeSealed: before?.codeSealed ?? vault.seal('resource-code', line.code),
    expiresAt,
    maxUses: line.maxUses ?? 1,
    uses: Math.max(line.uses ?? 0, before?.uses ?? 0),
    revoked: line.revoked ?? false,
  };
  return { record, result: resultOf(before, record) };
}
