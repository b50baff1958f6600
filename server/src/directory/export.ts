import { byCodePoint, type Organisation } from '../accounts/account.ts';
import type { Core } from '../core.ts';
import type { AccountRecord } from '../store/account-records.ts';
import type { DirectoryLine } from './line.ts';

const PAGE_ROWS = 500;

/**
 * The whole directory, object by object, each after those that it refers to. It holds what an import needs, so it is a
 * secret: password hashes, TOTP seeds, resource codes.
 */
export async function* exportDirectory(core: Core): AsyncGenerator<DirectoryLine> {
  yield* organisations(await core.store.organisations.all());
  for (const { name, permissions, admin } of await core.store.roles.all())
    yield { kind: 'role', name, permissions: [...permissions], admin };
  yield* accounts(core);
  yield* memberships(core);
  yield* installations(core);
  yield* resources(core);
}

/** Parents before their children. */
function* organisations(all: readonly Organisation[]): Generator<DirectoryLine> {
  const below = Map.groupBy(all, (organisation) => organisation.parentId);
  const next = below.get(null)?.toReversed() ?? [];
  for (let organisation = next.pop(); organisation; organisation = next.pop()) {
    const { id, name, accountName, parentId, isActive, isSuspended, isPaid, settings } = organisation;
    yield {
      kind: 'organisation',
      id,
      name,
      accountName,
      parent: parentId,
      isActive,
      isSuspended,
      isPaid,
      settings,
    };
    for (const child of below.get(id)?.toReversed() ?? []) next.push(child);
  }
}

async function* accounts(core: Core): AsyncGenerator<DirectoryLine> {
  for (let after = 0; ; ) {
    const page = await core.store.accountRecords.page(after, PAGE_ROWS);
    const last = page.at(-1);
    if (!last) return;
    after = last.number;
    const devices = await core.store.accountRecords.devicesOf(page.map((record) => record.id));
    const byAccount = Map.groupBy(devices, (device) => device.accountId);
    for (const record of page) {
      const fingerprints = (byAccount.get(record.id) ?? []).map((device) =>
        core.vault.unseal('fingerprint', device.fingerprintSealed),
      );
      yield accountLine(core, record, fingerprints.sort(byCodePoint));
    }
  }
}

function accountLine(core: Core, record: AccountRecord, devices: string[]): DirectoryLine {
  return {
    kind: 'account',
    id: record.id,
    number: record.number,
    organisation: record.homeId,
    username: record.username,
    email: record.email,
    phone: record.phone,
    passwordHash: record.passwordHash,
    status: record.status,
    emailValidated: record.emailValidated,
    phoneValidated: record.phoneValidated,
    createdAt: new Date(record.createdAt).toISOString(),
    user: { ...record.user },
    secondFactor: {
      email: record.factorEmail,
      totp: record.totpSealed === null ? null : core.vault.unseal('totp', record.totpSealed),
    },
    recogniseDevices: record.recogniseDevices,
    devices,
    role: record.role,
    stats: JSON.parse(record.stats) as Record<string, unknown>,
    attributes: JSON.parse(record.attributes) as Record<string, unknown>,
  };
}

async function* memberships(core: Core): AsyncGenerator<DirectoryLine> {
  for (let after = { accountId: '', organisationId: '', role: '' }; ; ) {
    const page = await core.store.memberships.page(after, PAGE_ROWS);
    const last = page.at(-1);
    if (!last) return;
    after = last;
    for (const { accountId, organisationId, role } of page)
      yield { kind: 'membership', account: accountId, organisation: organisationId, role };
  }
}

async function* installations(core: Core): AsyncGenerator<DirectoryLine> {
  for (let after = ''; ; ) {
    const page = await core.store.installations.page(after, PAGE_ROWS);
    const last = page.at(-1);
    if (!last) return;
    after = last.id;
    for (const { id, passwordHash, accountId, status } of page)
      yield { kind: 'installation', installationId: id, passwordHash, account: accountId, status };
  }
}

async function* resources(core: Core): AsyncGenerator<DirectoryLine> {
  for (let after = 0; ; ) {
    const page = await core.store.resourceCodes.page(after, PAGE_ROWS);
    const last = page.at(-1);
    if (!last) return;
    after = last.number;
    for (const { context, codeSealed, expiresAt, maxUses, uses, revoked } of page) {
      const code = core.vault.unseal('resource-code', codeSealed);
      yield {
        kind: 'resource',
        context,
        code,
        expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
        maxUses,
        uses,
        revoked,
      };
    }
  }
}
