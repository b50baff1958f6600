import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { follow } from '../../server/testing/follower.ts';
import { type MailSink, startMailSink } from '../../server/testing/mail-sink.ts';
import { askOne, freePort } from '../../server/testing/postgres.ts';
import type { RunningServer, Workplace } from '../../server/testing/process.ts';
import { type Client, clientOf } from './client.ts';
import {
  atLeast,
  type Drill,
  ENGINES,
  type Fault,
  type Figure,
  isTrue,
  none,
  until,
  within,
} from './fault.ts';
import { loadPeople, must, PASSWORD } from './people.ts';
import { CHANGED_PASSWORD, goOn, makeBefore, type Relic, signIn, spend } from './relics.ts';
import { askingServer, ownVerifier, type TokenChecker } from './verifiers.ts';

type Engine = (typeof ENGINES)[number];

/** When the cut-off is made: while a server serves the restored store already, or before one does. */
const MOMENTS = ['while a server serves', 'before a server does'] as const;
type Moment = (typeof MOMENTS)[number];

/** The short form takes another moment with each engine. */
const SHORT: Readonly<Record<Engine, readonly Moment[]>> = {
  sqlite: ['while a server serves'],
  postgres: ['before a server does'],
};

/** How long a verifier believes what it was told last, and some time to connect again. */
const STALENESS_MILLISECONDS = 13_000;

/** A backup is restored, and cut off from what has happened since it was made. */
export const restore: Fault = {
  id: 'RL-15',
  name: 'restore',
  promise:
    'after a restore and a cut-off nothing is good that was in hand before, ended, spent or replaced since the backup or not',
  async run(drill) {
    const figures: Figure[] = [];
    for (const engine of ENGINES)
      for (const moment of drill.scale === 'short' ? SHORT[engine] : MOMENTS) {
        drill.progress(`${engine}, cut off ${moment}`);
        figures.push(...(await restored(drill, engine, moment)));
      }
    return figures;
  },
};

async function restored(drill: Drill, engine: Engine, moment: Moment): Promise<Figure[]> {
  const scene = await setScene(drill, engine);
  const { work, client, url } = scene;
  const name = `${engine}, ${moment}`;
  const before = await makeBefore(scene);
  await scene.backUp();
  const relics = await goOn(scene, before);
  const lastId = await lastIdOf(scene);
  await scene.server.end('SIGTERM');
  const settings = await scene.putBack();

  const serves = moment === MOMENTS[0];
  if (serves) scene.server = await work.serve(['serve'], settings);
  const revived = serves ? await takenOf(relics, 'access token') : [];
  const done = await cutOff(work, settings);
  if (!serves) scene.server = await work.serve(['serve'], settings);
  const newcomer = ownVerifier(url, url, scene.credential);
  drill.later(newcomer.stop);
  const checkers = [askingServer(url), scene.follower, newcomer];
  const tokens = relics.flatMap(({ token }) => token ?? []);
  const waits = checkers.map((checker) => until(() => refusesAll(checker, tokens), 60_000));
  const refusedAfter = await Promise.all(waits);
  const taken = await takenOf(relics);
  return [
    ...(serves ? [atLeast(`${name}: access tokens that the restore revived`, revived.length, 2)] : []),
    atLeast(`${name}: sessions that the cut-off has ended`, done.sessions, 3),
    within(
      `${name}: until the server and two verifiers refuse ${tokens.length} access tokens`,
      refusedAfter,
      STALENESS_MILLISECONDS * drill.patience,
    ),
    none(
      `${name}: of ${relics.length} tokens and codes from before, taken${taken.map((each) => `; ${each}`).join('')}`,
      taken.length,
    ),
    none(
      `${name}: sessions that followers from before are not told of`,
      await untold(scene, lastId, [before.standing, before.toBeEnded, before.toBeRotated]),
    ),
    isTrue(`${name}: codes that may have been used since are told of`, done.left.resourceCodes > 0),
    ...(await afterwards(drill, name, scene, checkers)),
    isTrue(
      `${name}: what was spent before the backup is spent`,
      (await spend(client, 'CODE0')).status !== 200,
    ),
    none(
      `${name}: breaks in the chain of the audit log`,
      (await work.run(['audit', 'verify'], { environment: settings })).code ?? 1,
    ),
    none(`${name}: exit code of an orderly stop`, (await scene.server.end('SIGTERM')).code ?? -1),
  ];
}

interface Scene {
  readonly work: Workplace;
  readonly url: string;
  readonly client: Client;
  readonly mail: MailSink;
  /** Of a resource server that follows the revocations. */
  readonly credential: string;
  /** Follows them all the time. */
  readonly follower: TokenChecker;
  server: RunningServer;
  backUp(): Promise<void>;
  /** Restores the backup. @returns what programs are to be started with from then on */
  putBack(): Promise<Record<string, string>>;
}

async function setScene(drill: Drill, engine: Engine): Promise<Scene> {
  const mail = await startMailSink();
  drill.later(() => mail.stop());
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const database = engine === 'postgres' ? await drill.database(await drill.postgres()) : null;
  const work = drill.workplace({
    LATCHKEY_LISTEN_PORT: String(port),
    LATCHKEY_PUBLIC_URL: url,
    LATCHKEY_MAIL_URL: mail.url,
    LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login' }, { contract: 'credential-type' }]),
    ...(database === null ? {} : { LATCHKEY_STORE_URL: database }),
  });
  await loadPeople(work, { users: 8, mailed: 2, changing: 3, authenticated: 1, codes: 3 });
  const { credential } = JSON.parse(await must(work, ['resource-server', 'add', 'reports', '--json']));
  const server = await work.serve();
  const follower = ownVerifier(url, url, credential);
  drill.later(follower.stop);
  const scene = { work, url, client: clientOf(() => url), mail, credential, follower, server };
  return Object.assign(scene, database === null ? embedded(work) : onPostgres(scene, database));
}

/** As the documents say it: copied while it is served. */
function embedded({ directory }: Workplace): Pick<Scene, 'backUp' | 'putBack'> {
  const path = join(directory, 'data', 'latchkey.db');
  const copy = join(directory, 'backup.db');
  return {
    async backUp() {
      const source = new DatabaseSync(path, { readOnly: true });
      await backup(source, copy);
      source.close();
    },
    async putBack() {
      copyFileSync(copy, path);
      for (const beside of ['-wal', '-shm']) rmSync(path + beside, { force: true });
      return {};
    },
  };
}

/** A copy of the database by the database itself, which takes one that nobody uses: the server is away for a moment. */
function onPostgres(
  scene: { readonly work: Workplace; server: RunningServer },
  database: string,
): Pick<Scene, 'backUp' | 'putBack'> {
  const name = database.split('/').at(-1);
  const copy = `${name}_backup`;
  const elsewhere = database.replace(/[^/]*$/, 'postgres');
  return {
    async backUp() {
      await scene.server.end('SIGTERM');
      await askOne(elsewhere, `CREATE DATABASE ${copy} TEMPLATE ${name}`);
      scene.server = await scene.work.serve();
    },
    putBack: async () => ({ LATCHKEY_STORE_URL: database.replace(/[^/]*$/, copy) }),
  };
}

interface CutOffReport {
  readonly sessions: number;
  readonly left: { readonly resourceCodes: number };
}

async function cutOff(work: Workplace, environment: Record<string, string>): Promise<CutOffReport> {
  const { code, stdout, stderr } = await work.run(['store', 'cut-off', '--json'], { environment });
  if (code !== 0) throw new Error(`the cut-off ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

async function refusesAll(checker: TokenChecker, tokens: readonly string[]): Promise<boolean> {
  const refusals = await Promise.all(tokens.map((token) => checker.refuses(token)));
  return refusals.every((why) => why !== null);
}

/** Those that the server takes, in words. Tried one after the other: one may spend another. */
async function takenOf(relics: readonly Relic[], kind?: Relic['kind']): Promise<string[]> {
  const taken: string[] = [];
  for (const relic of relics) {
    if (kind !== undefined && relic.kind !== kind) continue;
    if (await relic.isTaken()) taken.push(`${relic.kind} ${relic.what}`);
  }
  return taken;
}

/** The number of the last revocation that a follower has got. */
async function lastIdOf({ url, credential }: Scene): Promise<number> {
  const stream = await follow(url, credential);
  await stream.until((events) => events.some(({ event }) => event === 'caught-up'));
  stream.stop();
  return Math.max(0, ...stream.events.map(({ id }) => id ?? 0));
}

/** How many of the sessions followers are not told of that go on from any number of the list that was lost. */
async function untold(
  { url, credential }: Scene,
  lastId: number,
  sessions: readonly { readonly access: string }[],
): Promise<number> {
  const idOf = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid;
  let missing = 0;
  for (let had = 1; had <= lastId; had += 1) {
    const stream = await follow(url, credential, had);
    await stream.until((events) => events.some(({ event }) => event === 'caught-up'));
    stream.stop();
    const told = new Set(stream.sessions());
    missing += sessions.filter(({ access }) => !told.has(idOf(access))).length;
  }
  return missing;
}

/** Whether people sign in again, with the passwords of the backup, and everybody takes their new tokens. */
async function afterwards(
  drill: Drill,
  name: string,
  scene: Scene,
  checkers: readonly TokenChecker[],
): Promise<Figure[]> {
  const people = [
    ['user1', PASSWORD],
    ['user4', PASSWORD],
    ['changes0', CHANGED_PASSWORD],
    ['changes2', PASSWORD],
  ] as const;
  const signed = await Promise.allSettled(
    people.map(([username, password]) => signIn(scene, username, password)),
  );
  const tokens = signed.flatMap((each) => (each.status === 'fulfilled' ? each.value.access : []));
  const takesAll = async (checker: TokenChecker) =>
    (await Promise.all(tokens.map((token) => checker.refuses(token)))).every((why) => why === null);
  const waits = checkers.map((checker) => until(() => takesAll(checker), 60_000));
  return [
    none(`${name}: people who cannot sign in again`, people.length - tokens.length),
    within(
      `${name}: until the server and two verifiers take their new tokens`,
      await Promise.all(waits),
      STALENESS_MILLISECONDS * drill.patience,
    ),
  ];
}
