import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { canaryDirectory, recordCanaries } from '../../testing/canaries.ts';
import { JOURNEY_SETTINGS, travelWell } from '../../testing/canary-journey.ts';
import { ENGINES } from '../../testing/engines.ts';
import { openPlanner, type Planner, recordStatements } from '../../testing/recorded-statements.ts';
import { removeChainBefore } from '../audit/chain.ts';
import { verifyChain } from '../audit/verify-chain.ts';
import { CleanUp } from '../clean-up.ts';
import { raiseEpochs, saveAccounts } from './account-records.ts';
import { setAccountStatus, signAccountOut } from './accounts.ts';
import { forgetUnprovenPassword } from './attached.ts';
import { removeAuditTo } from './audit.ts';
import { removeIdleAttempts } from './clean-up.ts';
import { consumePasskeyCounter, spendTotpSteps } from './consume.ts';
import { forgiveDeviceAttempts } from './count-attempt.ts';
import { cutAccountsOff, cutInstallationsOff, forgetDevicesOf, stateCutOff } from './cut-off.ts';
import { nameDevice, rememberFirstDevice } from './devices.ts';
import type { Change } from './engine.ts';
import { insertInstallation, rotateInstallationPassword, setInstallationStatus } from './installations.ts';
import { removeMembership } from './memberships.ts';
import { setOrganisationSuspended } from './organisations.ts';
import { buryMail, enqueueMailIfLocked, enqueueMailIfNoticed, postponeMail } from './outbox.ts';
import { addPasskey, removePasskey } from './passkeys.ts';
import { trimSeenDevices } from './seen-devices.ts';
import { countWithheld } from './sending-budget.ts';
import { endSessionsOfPiece } from './sessions.ts';
import { replaceTicketCode } from './tickets.ts';

/** Tables that stay small however many people there are: what operators make by hand, and what goes out soon. */
const SMALL =
  /\b(organisations|roles|signing_keys|counters|facts|schema_migrations|resource_servers|outbox|sqlite_master)\b/;

/** The names that organisations and those above and below them have within statements. */
const SMALL_IN_STEPS = /^SCAN (o|subtree|below|lineage|l)$/;

/** Statements that go through a part of a table whose size the plan does not show, and why they may. */
const THROUGH_MANY: readonly RegExp[] = [
  // A page: as many rows as it says, in the order of an index.
  /\bORDER BY (account_id, organisation_id, role|(a\.)?(number|sequence|link( DESC)?|id|key|at)) LIMIT [?\d]/,
  // What expired, as many rows as it says.
  /WHERE \w+ < \? LIMIT \d+\)/,
  // One piece of what is counted, and the last, which is no larger.
  /^DELETE FROM attempts WHERE key > \? (AND key <= \? )?AND last_failure_at < \?/,
  // One piece of what a cut-off goes through.
  /\b(s\.)?(account_)?id > \? AND (s\.)?(account_)?id <= \?/,
  // The beginning of the log, as many events as were just read of it.
  /^DELETE FROM audit WHERE link <= \?$/,
  // Its end, as many events as are looked back.
  /FROM audit WHERE link > \? AND link <= \?$/,
  // What operators and monitoring ask for from time to time.
  /^SELECT sum\(withheld\) AS withheld FROM sending_budgets/,
  /^SELECT max\(sequence\) AS newest FROM revocations$/,
];

const ID = 'x';

/** What the journey does not do. */
function rareChanges(): Change[] {
  const mail = { id: ID, channel: 'mail', kind: ID, mailSealed: ID, createdAt: 1, expiresAt: 2 } as const;
  const device = { accountId: ID, fingerprintHash: ID, fingerprintSealed: ID };
  const signed = { credentialId: ID, accountId: ID, counter: 1, isBackedUp: false, at: 1 };
  const passkey = { id: ID, accountId: ID, publicKey: ID, counter: 1, transports: [], name: null };
  return [
    ...saveAccounts([], [], [ID]),
    ...raiseEpochs('installations', [ID], 'installation-changed', 1),
    ...setAccountStatus(ID, 'inactive', 1),
    ...signAccountOut(ID, 1),
    forgetUnprovenPassword(ID),
    removeAuditTo(1),
    removeIdleAttempts(1, '', 'y'),
    removeIdleAttempts(1, '', null),
    consumePasskeyCounter(signed),
    forgiveDeviceAttempts(ID, ID),
    nameDevice(ID, ID, ID),
    rememberFirstDevice(device, 1),
    insertInstallation(ID, ID),
    rotateInstallationPassword(ID, ID, 1),
    ...setInstallationStatus(ID, 'inactive', 1),
    removeMembership({ accountId: ID, organisationId: ID, role: ID }),
    ...setOrganisationSuspended(ID, true, 1),
    buryMail(ID, 1, ID),
    enqueueMailIfLocked(mail, ID, 1),
    enqueueMailIfNoticed(mail, ID),
    postponeMail(ID, 1, ID),
    addPasskey({ ...passkey, deviceType: 'singleDevice', isBackedUp: false, createdAt: 1, lastUsedAt: null }),
    removePasskey(ID, ID),
    cutAccountsOff({ after: '', last: ID }),
    spendTotpSteps({ after: '', last: ID }, 1),
    cutInstallationsOff({ after: '', last: ID }),
    forgetDevicesOf({ after: '', last: ID }),
    stateCutOff(1),
    ...endSessionsOfPiece({ after: '', last: ID }, 'store-restored', 1),
    trimSeenDevices(ID),
    countWithheld(ID),
    replaceTicketCode(ID, { hash: ID, sentAt: 1, expiresAt: 1 }, 1),
  ];
}

/** What operators, servers that follow, and clean-up read. */
async function readRarely({ core }: TestApp): Promise<void> {
  const { store, vault, clock, log } = core;
  for (const accountId of [null, ID])
    await store.audit.events({ afterSequence: 1, since: 1, accountId, limit: 1 });
  await store.audit.last();
  await store.traces.hasServed();
  await store.audit.waitingSince();
  await verifyChain(store, vault);
  await removeChainBefore(store, vault, 1);
  const cleanUp = new CleanUp(store, clock, log, { everySeconds: 60, keepSeconds: 60, revocationSeconds: 1 });
  await cleanUp.run();
  await cleanUp.stop();
  await store.accountRecords.page(1, 1);
  await store.memberships.page({ accountId: ID, organisationId: ID, role: ID }, 1);
  await store.installations.page(ID, 1);
  await store.resourceCodes.page(1, 1);
  await store.resourceCodes.countLive(ID, 1);
  await store.accountRecords.existing([ID]);
  await store.accountRecords.identifiersOf([ID]);
  await store.accountRecords.devicesOf([ID]);
  await store.accounts.count();
  await store.accounts.named({ canonical: ID, kinds: 1 }, ID);
  await store.devices.ofAccount(ID);
  await store.memberships.existing([{ accountId: ID, organisationId: ID, role: ID }]);
  await store.organisations.headcount(ID);
  await store.organisations.lineage(ID);
  await store.passkeys.byId(ID);
  await store.revocations.after(1, 1, 1);
  await store.revocations.newest();
  await store.sessions.successorIn([ID, ID], ID);
  await store.cutOff.at();
  for (const table of ['accounts', 'installations', 'sessions'] as const) await store.cutOff.piece(table, '');
  await store.cutOff.limitedCodes(1);
  await store.cutOff.recoveryCodes();
  await store.sendingBudgets.withheld(1);
  await store.sendingBudgets.window(ID, 1);
}

const IS_STATEMENT = /^(SELECT|INSERT|UPDATE|DELETE|WITH)\s/;
/** As SQLite has them: its parameters have no numbers. */
const inOneLine = (sql: string) => sql.trim().replaceAll(/\s+/g, ' ').replaceAll(/\$\d+/g, '?');

/** The beginnings of the statements that stand in the sources, up to the first part that is put in. */
function statementsInSources(): string[] {
  const folder = new URL('.', import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !/\.(test|suite)\.ts$/.test(file) && file !== 'migrate.ts')
    .flatMap((file) => [
      ...readFileSync(new URL(file, folder), 'utf8').matchAll(
        /[`'"]\s*((?:SELECT|INSERT|UPDATE|DELETE|WITH)\s[^`]*?)(?:\$\{|`|'[,;\n]|"[,;\n])/g,
      ),
    ])
    .map(([, text]) => inOneLine(text ?? ''))
    .filter((text) => text.length > 'DELETE FROM x WHERE'.length && !SMALL.test(text));
}

// SQLite goes by the indexes that there are, PostgreSQL by how large it takes tables to be: of the latter is asked whether it
// could do without going through all.
describe.each(ENGINES)('the statements on %s', (engine) => {
  let app: TestApp;
  let planner: Planner;
  let statements: string[] = [];
  beforeAll(async () => {
    const recorded = recordStatements();
    const directory = canaryDirectory();
    app = await startApp(engine, JOURNEY_SETTINGS);
    await app.load(...directory.lines);
    await travelWell({
      server: recordCanaries(app, directory.secrets),
      directory,
      mail: app.mail,
      storeUrl: app.core.config.store.url,
      now: () => app.core.clock.now(),
      advance: (seconds) => app.core.clock.advance(seconds),
    });
    await readRarely(app);
    vi.restoreAllMocks();
    statements = [...recorded, ...rareChanges().map(({ sql }) => sql)].filter(
      (sql) => IS_STATEMENT.test(sql.trim()) && !/schema_migrations|'\{broken'/.test(sql),
    );
    planner = await openPlanner(engine, app.core.config.store.url);
  }, 120_000);
  afterAll(async () => {
    await planner.close();
    await app.stop();
  });

  test('are all looked at that touch what grows', () => {
    const seen = statements.map(inOneLine);
    const missing = statementsInSources().filter((text) => !seen.some((sql) => sql.includes(text)));
    expect(missing).toEqual([]);
  });

  test('find what they want by an index', async () => {
    const through: Record<string, readonly string[]> = {};
    for (const sql of statements) {
      // What the doctor asks, and who restores a backup.
      if (/^SELECT count\(\*\) AS (accounts FROM accounts|every FROM re(source|covery)_codes)\b/.test(sql))
        continue;
      // The first row is enough.
      if (/^SELECT CASE WHEN (NOT )?EXISTS \(SELECT 1 FROM \w+ LIMIT 1\)/.test(sql)) continue;
      const mayTakeMany = THROUGH_MANY.some((pattern) => pattern.test(inOneLine(sql)));
      const scans = (await planner.scans(sql)).filter(
        (step) =>
          !SMALL.test(step) && !SMALL_IN_STEPS.test(step) && !(mayTakeMany && !/^SCAN|Seq Scan/.test(step)),
      );
      if (scans.length > 0) through[inOneLine(sql)] = scans;
    }
    expect(through).toEqual({});
  });
});
