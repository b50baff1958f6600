import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sessions as signIn } from '../load.ts';
import { shown } from '../recorder.ts';
import { ask } from '../requests.ts';
import { environment, PROGRAM, start } from '../subject.ts';
import { generatedStore } from './generated-store.ts';
import { personOf } from './people.ts';
import { printWaits } from './waits.ts';

// How long anybody waits while a large embedded store gets a new index: `npm run bench -- --migration`. SQLite builds an index
// in one go, which holds whatever writes for a minute at ten million rows; so the next version brings it as a table that
// triggers keep and that is filled in a batch at a time. Its `latchkey migrate` runs beside the server of this version, is
// killed once on its way, and goes on. `--accounts N` says how many there are; `--folder DIR` takes a store that was
// generated before, from which all of it is taken again at the end.

const { values } = parseArgs({
  options: {
    migration: { type: 'boolean' },
    accounts: { type: 'string', default: '1000000' },
    folder: { type: 'string' },
  },
});
const accounts = Number(values.accounts);
const BEFORE_MILLISECONDS = 15_000;
const REST_MILLISECONDS = 20;
const SESSIONS = 1000;

/** The end of an id is scattered over the whole table that it begins: each batch writes a thousand places of it. */
const SCATTERED = 'substr(id, -3)';
const of = (row: 'old' | 'new') => SCATTERED.replace('id', `${row}.id`);
const MIGRATIONS: Readonly<Record<string, string>> = {
  '9001-accounts-by-ending.sql': `-- expand: triggers write it for whoever does not know it.
CREATE TABLE accounts_by_ending (ending TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (ending, id)) WITHOUT ROWID;
CREATE TRIGGER accounts_by_ending_added AFTER INSERT ON accounts BEGIN
  INSERT OR IGNORE INTO accounts_by_ending VALUES (${of('new')}, new.id);
END;
CREATE TRIGGER accounts_by_ending_removed AFTER DELETE ON accounts BEGIN
  DELETE FROM accounts_by_ending WHERE ending = ${of('old')} AND id = old.id;
END;`,
  '9002-accounts-by-ending-before.sql': `-- expand: the table that it fills in is new.
-- batches: accounts by id after ""
INSERT OR IGNORE INTO accounts_by_ending SELECT ${SCATTERED}, id FROM accounts WHERE id > $1 AND id <= $2;`,
};

const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'latchkey-migration-'));
const file = generatedStore(folder, accounts, SESSIONS);
const next = mkdtempSync(join(tmpdir(), 'latchkey-next-'));

/** Does something with the store itself. */
function inStore<Result>(work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA busy_timeout = 10000');
    return work(database);
  } finally {
    database.close();
  }
}

/** This program with more migrations: what the next version is to it. */
function makeNextVersion(): void {
  cpSync(dirname(dirname(PROGRAM)), next, { recursive: true });
  for (const [name, text] of Object.entries(MIGRATIONS)) writeFileSync(join(next, 'migrations', name), text);
}

const migrate = (): ChildProcess =>
  spawn(join(next, 'bin', 'latchkey'), ['migrate'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: environment(),
  });

/** Where it has come to; null when it has not begun, or has ended. */
const position = (): string | null =>
  inStore((database) => {
    const row = database.prepare("SELECT value FROM facts WHERE name = 'migration:9002'").get();
    return row === undefined ? null : String(row.value);
  });

type Samples = Readonly<Record<'refresh' | 'sign-in', number[]>>;

/** Asks for refreshes and sign-ins in turns until it is told to stop. */
async function keepAsking(url: string, into: () => Samples, isOver: () => boolean): Promise<void> {
  const { username } = personOf(1);
  let [tokens] = await signIn(url, [username], 1);
  while (!isOver()) {
    const begun = performance.now();
    const body = JSON.stringify({ refresh_token: tokens?.refresh_token });
    const answer = await ask(`${url}/auth/refresh-token`, { 'content-type': 'application/json' }, body);
    if (answer.status !== 200)
      throw new Error(`a refresh was answered with ${answer.status}: ${answer.text}`);
    into().refresh.push(performance.now() - begun);
    tokens = JSON.parse(answer.text) as NonNullable<typeof tokens>;
    if (into().refresh.length % 20 === 0) {
      const signing = performance.now();
      [tokens] = await signIn(url, [username], 1);
      into()['sign-in'].push(performance.now() - signing);
    }
    await pause(REST_MILLISECONDS);
  }
}

/** Runs the migration to its end, killed once when it has come so far that there is something to lose. */
async function migrateAndKill(): Promise<string> {
  const first = migrate();
  const begun = position();
  while (position() === begun) await pause(100);
  await pause(3000);
  const killedAt = position();
  first.kill('SIGKILL');
  await once(first, 'exit');
  const second = migrate();
  const [code] = await once(second, 'exit');
  if (code !== 0) throw new Error(`the migration ended with ${code}`);
  return killedAt ?? 'its end';
}

makeNextVersion();
const subject = await start(PROGRAM, ['serve'], folder);
try {
  const [before, meanwhile]: [Samples, Samples] = [
    { refresh: [], 'sign-in': [] },
    { refresh: [], 'sign-in': [] },
  ];
  let [into, isOver] = [before, false];
  const asking = keepAsking(
    subject.url,
    () => into,
    () => isOver,
  );
  await Promise.race([pause(BEFORE_MILLISECONDS), asking]);
  into = meanwhile;
  const begun = performance.now();
  const killedAt = await Promise.race([migrateAndKill(), asking.then(() => '')]);
  const seconds = (performance.now() - begun) / 1000;
  isOver = true;
  await asking;
  const rows = (table: string) =>
    inStore((database) => Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.rows));
  const [filled, there] = [rows('accounts_by_ending'), rows('accounts')];
  if (filled !== there) throw new Error(`${filled} of ${there} rows were filled in`);
  printWaits(
    `an index of ${there} accounts, filled in within ${shown(seconds)} s, killed at ${killedAt}`,
    before,
    meanwhile,
  );
} finally {
  await subject.stop();
  rmSync(next, { recursive: true, force: true });
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
  else
    inStore((database) =>
      database.exec(`DROP TRIGGER IF EXISTS accounts_by_ending_added; DROP TRIGGER IF EXISTS accounts_by_ending_removed;
        DROP TABLE IF EXISTS accounts_by_ending; DELETE FROM schema_migrations WHERE version > 9000;
        DELETE FROM facts WHERE name = 'migration:9002'`),
    );
}
