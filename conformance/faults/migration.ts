import pg from 'pg';
import { nginxMissing } from '../../server/testing/nginx.ts';
import { freePort } from '../../server/testing/postgres.ts';
import type { RunningServer, Workplace } from '../../server/testing/process.ts';
import { replaceNode, startBalancer } from './balancer.ts';
import { type Answer, clientOf } from './client.ts';
import { USERS } from './effects.ts';
import { atLeast, type Drill, type Fault, type Figure, isTrue, none, pause, until, within } from './fault.ts';
import { failed, type SteadyLoad, steadyLoad } from './load.ts';
import { makeNextVersion } from './next-version.ts';
import { loadPeople } from './people.ts';

const ROWS = { short: 15_000, full: 1_000_000 } as const;
const QUIET_SECONDS = { short: 1, full: 20 } as const;
const PER_SECOND = 25;
const STALL_MILLISECONDS = 1000;

/** What the next version does to the table: a column, which it fills in, and an index on it. */
const MIGRATIONS = {
  '9001-label.sql': `-- expand: the version before neither reads nor writes the column.
ALTER TABLE sessions ADD COLUMN drill_label TEXT;
`,
  '9002-label-filled-in.sql': `-- expand: the version before neither reads nor writes the column.
-- batches: sessions by id after ""
UPDATE sessions SET drill_label = mount WHERE id > $1 AND id <= $2;
`,
  '9003-by-label.sql': `-- expand: an index changes no answer.
CREATE INDEX /* postgres: CONCURRENTLY */ IF NOT EXISTS sessions_by_drill_label ON sessions (drill_label);
`,
} as const;

/** The schema goes to the next version and the servers follow, all while they serve; then they go back. */
export const migration: Fault = {
  id: 'RL-11',
  name: 'migration',
  promise:
    'an expanding migration of a large table, killed and resumed, and a rolling upgrade and downgrade fail no request and hold up none for 1 s',
  missing: nginxMissing,
  async run(drill) {
    const url = await drill.database(await drill.postgres());
    const settings = {
      LATCHKEY_STORE_URL: url,
      LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
      LATCHKEY_LISTEN_DRAIN_MILLISECONDS: '500',
      // What a machine that others use turns away is no matter of migrations.
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '30000',
    };
    const old = drill.workplace(settings);
    const next = drill.workplace(settings, makeNextVersion(drill, MIGRATIONS));
    await loadPeople(old, { users: USERS });
    const database = new pg.Pool({ connectionString: url });
    drill.later(() => database.end());
    await fill(database, ROWS[drill.scale]);
    const ports = [await freePort(), await freePort()];
    const start = (work: Workplace, port: number) =>
      work.serve(['serve'], { LATCHKEY_LISTEN_PORT: String(port) });
    const nodes = await Promise.all(ports.map((port) => start(old, port)));
    const nginx = await startBalancer(drill, ports);
    const tooEarly = await next.run(['serve']);
    const load = steadyLoad(
      clientOf(() => nginx.url),
      PER_SECOND,
    );
    const probe = probeTable(url);
    await pause(QUIET_SECONDS[drill.scale] * 1000);
    const quiet = probe.longest();
    const answered = Math.max(...load.answers.map(({ milliseconds }) => milliseconds));
    drill.progress(
      `nothing migrates: the table answers in ${quiet.toFixed(0)} ms at worst, a server in ${answered.toFixed(0)} ms`,
    );
    const migrated = await migrateTwice(drill, { next, database, url, load, answered });
    await probe.stop();
    const codes = [
      ...(await roll(nodes, ports, (port) => start(next, port))),
      ...(await roll(nodes, ports, (port) => start(old, port))),
    ];
    drill.progress('rolled to the next version and back');
    await load.stop();
    const downgraded = await old.run(['migrate']);
    for (const node of nodes) codes.push((await node.end('SIGTERM')).code);
    const { count, kinds } = failed(load.answers);
    return [
      isTrue(
        'a server of the next version waits for its schema',
        /Run: latchkey migrate/.test(tooEarly.stderr),
      ),
      ...migrated,
      within(
        `a write and a read of the table meanwhile (${quiet.toFixed(0)} ms at worst before)`,
        [probe.longest()],
        STALL_MILLISECONDS * drill.patience,
      ),
      ...(await outcome(database)),
      atLeast(`requests at ${PER_SECOND}/s`, load.answers.length, PER_SECOND),
      none(`of them failed${kinds && `: ${kinds}`}`, count),
      none('servers that did not end with 0', codes.filter((code) => code !== 0).length),
      none('exit code of the older version’s migrate afterwards', downgraded.code ?? -1),
    ];
  },
};

/** Sessions of nobody's that end in a year. */
async function fill(database: pg.Pool, rows: number): Promise<void> {
  await database.query(
    `INSERT INTO sessions (id, principal_kind, principal_id, epoch, mount, methods, counter, rotated_at, created_at,
       last_used_at, refresh_expires_at, expires_at)
     SELECT md5(number::text), 'resource', 'drill', 1, 'drill', '[]', 0, at, at, at, at + year, at + year
     FROM generate_series(1, $1::int) AS number,
       (SELECT (extract(epoch FROM now()) * 1000)::bigint AS at, 31536000000 AS year) AS times`,
    [rows],
  );
  await database.query('ANALYZE sessions');
}

/** Writes a row of the table and reads it, again and again, as every other user of the table would. */
function probeTable(url: string): { longest(): number; stop(): Promise<void> } {
  let working = true;
  let longest = 0;
  const loop = async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    while (working) {
      const begun = performance.now();
      await client.query('UPDATE sessions SET last_used_at = last_used_at + 1 WHERE id = md5($1)', ['1']);
      await client.query('SELECT id FROM sessions WHERE id = md5($1)', ['2']);
      longest = Math.max(longest, performance.now() - begun);
      await pause(20);
    }
    await client.end();
  };
  const ended = loop();
  return {
    longest: () => longest,
    async stop() {
      working = false;
      await ended;
    },
  };
}

interface Scene {
  readonly next: Workplace;
  readonly database: pg.Pool;
  readonly url: string;
  readonly load: SteadyLoad;
  /** The longest time to answer while nothing migrated, in milliseconds. */
  readonly answered: number;
}

/** Migrates while somebody has the table, is killed among the batches and at the index, and goes on. */
async function migrateTwice(drill: Drill, { next, database, url, load, answered }: Scene): Promise<Figure[]> {
  const from = load.answers.length;
  const released = holdTable(database, url);
  const first = await killedWhen(next, async () => {
    const { rows } = await database.query(
      "SELECT value FROM facts WHERE name = 'migration:9002' AND value > '\"4'",
    );
    return rows.length > 0;
  });
  await released;
  const { rows } = await database.query(
    'SELECT count(drill_label)::int AS filled, count(*)::int AS rows FROM sessions',
  );
  drill.progress(`killed when ${rows[0].filled} of ${rows[0].rows} rows were filled in`);
  // A small index is there before anybody can see that it is made.
  if (drill.scale === 'full') {
    await killedWhen(next, async () => {
      const { rowCount } = await database.query('SELECT 1 FROM pg_stat_progress_create_index');
      return rowCount === 1;
    });
    drill.progress('killed while the index was built');
  }
  const last = await next.run(['migrate']);
  drill.progress('migrated');
  const answers: readonly Answer[] = load.answers.slice(from);
  return [
    isTrue('the first run said that its table was in use', /its table is in use/.test(first.stderr)),
    isTrue('and was killed', first.code === null),
    atLeast('rows that were filled in by then', rows[0].filled, 1),
    atLeast('rows that were not', rows[0].rows - rows[0].filled, 1),
    none('exit code of the last run', last.code ?? -1),
    within(
      `how much longer than the longest before (${(answered / 1000).toFixed(2)} s) an answer took while it migrated`,
      answers.map(({ milliseconds }) => milliseconds - answered),
      STALL_MILLISECONDS * drill.patience,
    ),
  ];
}

/** Has the table in a transaction, as a backup would, until the migration has waited for it. */
async function holdTable(database: pg.Pool, url: string): Promise<void> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  await holder.query('BEGIN; SELECT id FROM sessions LIMIT 1');
  const waits = `SELECT 1 FROM pg_locks WHERE relation = 'sessions'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`;
  await until(async () => (await database.query(waits)).rowCount === 1, 60_000);
  await pause(1200);
  await holder.query('COMMIT');
  await holder.end();
}

async function killedWhen(work: Workplace, isTime: () => Promise<boolean>) {
  const kill = new AbortController();
  const running = work.run(['migrate'], { kill: kill.signal });
  let ended = false;
  const finished = running.finally(() => {
    ended = true;
  });
  while (!ended && !(await isTime())) await pause(5);
  kill.abort();
  return finished;
}

async function outcome(database: pg.Pool): Promise<Figure[]> {
  const { rows } = await database.query(
    `SELECT (SELECT count(*)::int FROM sessions WHERE mount = 'drill' AND drill_label IS NULL) AS empty,
            (SELECT count(*)::int FROM facts WHERE name LIKE 'migration:%') AS left_over,
            (SELECT count(*)::int FROM pg_index
              WHERE indexrelid = to_regclass('sessions_by_drill_label') AND indisvalid) AS indexes`,
  );
  return [
    none('rows that were not filled in', rows[0].empty),
    none('notes of its progress that are left', rows[0].left_over),
    atLeast('complete index', rows[0].indexes, 1),
  ];
}

/** Replaces each server in turn. @returns the exit codes */
async function roll(
  nodes: RunningServer[],
  ports: readonly number[],
  start: (port: number) => Promise<RunningServer>,
): Promise<(number | null)[]> {
  const codes: (number | null)[] = [];
  for (const [index, node] of nodes.entries()) {
    const replaced = await replaceNode(node, () => start(ports[index] ?? 0));
    nodes[index] = replaced.node;
    codes.push(replaced.code);
  }
  return codes;
}
