import type { Clock, Log } from '../ports.ts';
import { accountRecordReader } from './account-records.ts';
import { accountReader } from './accounts.ts';
import { auditReader } from './audit.ts';
import { cleanUpReader } from './clean-up.ts';
import { attemptReader } from './count-attempt.ts';
import { currentPrincipalReader } from './current-principal.ts';
import { cutOffReader } from './cut-off.ts';
import { deviceReader } from './devices.ts';
import type { Change, Committed, Engine, StoreUse } from './engine.ts';
import { factReader } from './facts.ts';
import { formerPasswordReader } from './former-passwords.ts';
import { installationReader } from './installations.ts';
import { membershipReader } from './memberships.ts';
import { type MigrateOptions, migrate, requireCurrentSchema } from './migrate.ts';
import { organisationReader } from './organisations.ts';
import { outboxReader } from './outbox.ts';
import { passkeyReader } from './passkeys.ts';
import { recoveryCodeReader } from './recovery-codes.ts';
import { resourceCodeReader } from './resource-codes.ts';
import { resourceServerReader } from './resource-servers.ts';
import { revocationReader } from './revocations.ts';
import { roleReader } from './roles.ts';
import { seenDeviceReader } from './seen-devices.ts';
import { sendingBudgetReader } from './sending-budget.ts';
import { sessionReader } from './sessions.ts';
import { signingKeyReader } from './signing-keys.ts';
import { ticketReader } from './tickets.ts';
import { traceReader } from './traces.ts';
import { watchedEngine } from './watched-engine.ts';

/**
 * Everything that is remembered. Readers answer at once; whatever changes something is a Change that its aggregate's
 * file makes, and `commit` applies the changes of one transition together.
 */
export type Store = ReturnType<typeof storeOn>;

/** The store's ports over an engine. */
export function storeOn(unwatched: Engine) {
  const engine = watchedEngine(unwatched);
  return {
    /** Tells how long the store takes, from now on. */
    watch: engine.watch,

    accountRecords: accountRecordReader(engine),
    accounts: accountReader(engine),
    attempts: attemptReader(engine),
    audit: auditReader(engine),
    cleanUp: cleanUpReader(engine),
    cutOff: cutOffReader(engine),
    devices: deviceReader(engine),
    facts: factReader(engine),
    formerPasswords: formerPasswordReader(engine),
    installations: installationReader(engine),
    memberships: membershipReader(engine),
    organisations: organisationReader(engine),
    outbox: outboxReader(engine),
    passkeys: passkeyReader(engine),
    principals: currentPrincipalReader(engine),
    recoveryCodes: recoveryCodeReader(engine),
    resourceCodes: resourceCodeReader(engine),
    resourceServers: resourceServerReader(engine),
    revocations: revocationReader(engine),
    roles: roleReader(engine),
    seenDevices: seenDeviceReader(engine),
    sendingBudgets: sendingBudgetReader(engine),
    sessions: sessionReader(engine),
    signingKeys: signingKeyReader(engine),
    tickets: ticketReader(engine),
    traces: traceReader(engine),

    /** Applies changes as one atomic, durable transition, or none of them when a guard says no. */
    commit: (changes: readonly Change[]): Promise<Committed> => engine.commit(changes),

    /** Brings the schema up to date; see `migrate`. */
    migrate: (clock: Clock, options?: MigrateOptions) => migrate(engine, clock, options),

    /** Refuses a schema that this program cannot work with, and gives what is newer in it; see `requireCurrentSchema`. */
    requireCurrentSchema: () => requireCurrentSchema(engine),

    /** Whether the store answers. */
    ping: async (): Promise<void> => void (await engine.read({ sql: 'SELECT 1 AS answer', params: [] })),

    /** Milliseconds since 1970 by the database's clock. */
    time: () => engine.time(),

    /** Settings of the database by which something acknowledged could be lost. */
    durabilityWeaknesses: () => engine.durabilityWeaknesses(),

    /** For windows that servers share; null on the embedded store. */
    limiterClient: () => engine.limiterClient(),

    close: () => engine.close(),
  };
}

/**
 * Opens the store at an address.
 * @param url `sqlite:PATH` or `postgres://user:password@host:port/database`
 * @param use of the embedded store
 * @throws OperatorError when it cannot be opened, saying why
 */
export async function openStore(url: string, log: Log, use?: StoreUse): Promise<Store> {
  // The drivers are loaded when one is chosen: neither costs a start of the other.
  if (url.startsWith('sqlite:')) {
    const { openSqliteEngine } = await import('./sqlite/engine.ts');
    return storeOn(openSqliteEngine(url.slice('sqlite:'.length), use));
  }
  const { openPostgresEngine } = await import('./postgres/engine.ts');
  return storeOn(openPostgresEngine(url, log));
}
