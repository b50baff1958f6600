import { startMailSink } from '../../server/testing/mail-sink.ts';
import type { PostgresServer } from '../../server/testing/postgres.ts';
import type { Workplace } from '../../server/testing/process.ts';
import { type Answer, type Client, clientOf } from './client.ts';
import { auditFigures, LEDGER_SETTINGS, ledgerFigures } from './crash.ts';
import { doubleFigures } from './doubles.ts';
import { USERS } from './effects.ts';
import { atLeast, type Drill, type Fault, type Figure, isTrue, none, pause, until, within } from './fault.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { signInProbe } from './load.ts';
import { loadPeople, PASSWORD } from './people.ts';
import { startTcpProxy, type TcpProxy, throughPort } from './tcp-proxy.ts';

const FAILOVERS = { short: 1, full: 10 } as const;

/** How much of each kind is loaded for each failover; more than clients get through. */
const PER_FAILOVER = 200;

/** How long clients work before the primary is killed, at random between these, and afterwards. */
const [LEAST_WORK_MILLISECONDS, MOST_WORK_MILLISECONDS] = [1000, 2000];

/** How long there is nothing but a standby. */
const STANDBY_MILLISECONDS = 1000;

/** How long a commit may be waited for that a standby would have to confirm. */
const WAIT_MILLISECONDS = 8000;

/** How long after the standby was promoted everything goes again. */
const RECOVERY_MILLISECONDS = 5000;

/** The primary is killed while clients work, and its synchronous standby takes its place. */
export const failover: Fault = {
  id: 'RL-4',
  name: 'failover',
  promise:
    'a failover to a synchronous standby loses nothing acknowledged and does nothing twice; a standby is not used before it is promoted',
  async run(drill) {
    const database = await drill.postgres();
    const proxy = await startTcpProxy(portOf(database.url));
    drill.later(() => proxy.stop());
    const mail = await startMailSink();
    drill.later(() => mail.stop());
    const url = throughPort(await drill.database(database), proxy.port);
    const work = drill.workplace({
      ...LEDGER_SETTINGS,
      LATCHKEY_STORE_URL: url,
      LATCHKEY_MAIL_URL: mail.url,
    });
    const people = FAILOVERS[drill.scale] * PER_FAILOVER;
    await loadPeople(work, {
      // Beside those who work, one for each failover, and one more.
      users: USERS + FAILOVERS[drill.scale] + 1,
      mailed: people,
      guessed: people,
      changing: people,
      codes: people,
    });
    const server = await work.serve();
    const client = clientOf(() => server.url);
    const ledger = openLedger({ client, mail });
    const seen: Seen = { standby: [], recoveries: [], notRefused: 0 };
    const canSignIn = signInProbe(client);
    const isServing = async () => (await canSignIn()) && (await client.get('/readyz')).status === 200;
    const scene = { drill, work, client, isServing, ledger, proxy, seen };
    let primary = database;
    for (let round = 1; round <= FAILOVERS[drill.scale]; round += 1) {
      primary = await failOver(scene, primary, `user${USERS + round}`);
      await ledger.checkNew();
      drill.progress(`${round} of ${FAILOVERS[drill.scale]}, ${ledger.problems.length} lost`);
    }
    // Waiting for time-outs is for the full form.
    const alone = drill.scale === 'full' ? await withoutStandby(scene, primary) : [];
    // Longer than the grace of a refresh token.
    await pause(1100);
    await ledger.checkAll();
    const messages = Map.groupBy(mail.delivered, ({ recipients }) => recipients.join());
    const twice = [...messages].filter(
      ([address, mails]) =>
        address.startsWith('mailed') && new Set(mails.map(({ messageId }) => messageId)).size > 1,
    );
    const audit = await auditFigures(work, 'failover');
    const { code } = await server.end('SIGTERM');
    return [
      ...seenFigures(drill, seen),
      ...alone,
      ...ledgerFigures(ledger, 'failover', FAILOVERS[drill.scale] * 8),
      ...(await doubleFigures(url)),
      none('people who were mailed two codes for one sign-in', twice.length),
      ...audit,
      none('exit code of an orderly stop afterwards', code ?? -1),
    ];
  },
};

interface Seen {
  /** What was answered while there was a standby only. */
  readonly standby: Answer[];
  readonly recoveries: number[];
  /** Servers that were started meanwhile and did not say that it is a standby. */
  notRefused: number;
}

interface Scene {
  readonly drill: Drill;
  readonly work: Workplace;
  readonly client: Client;
  readonly isServing: () => Promise<boolean>;
  readonly ledger: Ledger;
  readonly proxy: TcpProxy;
  readonly seen: Seen;
}

/**
 * @param other somebody whom nobody else signs in as
 * @returns the new primary
 */
async function failOver(scene: Scene, primary: PostgresServer, other: string): Promise<PostgresServer> {
  const { drill, client, isServing, ledger, proxy, seen } = scene;
  const standby = await primary.makeStandby();
  drill.later(() => standby.stop());
  const held = await signedIn(client, other);
  const working = ledger.work();
  await pause(LEAST_WORK_MILLISECONDS + Math.random() * (MOST_WORK_MILLISECONDS - LEAST_WORK_MILLISECONDS));
  await primary.end('SIGQUIT');
  proxy.switchTo(portOf(standby.url));
  await onStandby(scene, held);
  await standby.promote();
  seen.recoveries.push(await until(isServing, 30_000));
  await pause(LEAST_WORK_MILLISECONDS);
  await working.stop();
  return standby;
}

/** Signs somebody in as soon as servers have found their database again. */
async function signedIn(
  client: Client,
  identifier: string,
): Promise<{ accessToken: string; refreshToken: string }> {
  let answer: Answer | undefined;
  const took = await until(async () => {
    answer = await client.post('/v1/sign-in', { identifier, password: PASSWORD });
    return answer.status === 200;
  }, 60_000);
  if (took === Number.POSITIVE_INFINITY) throw new Error(`nobody can sign in: ${answer?.status}`);
  return answer?.body;
}

/** The standby is away: nobody is told anything that is on one machine only, and what is read is answered. */
async function withoutStandby(
  { drill, client, isServing }: Scene,
  primary: PostgresServer,
): Promise<Figure[]> {
  const standby = await primary.makeStandby();
  drill.later(() => standby.stop());
  const { accessToken } = await signedIn(client, `user${USERS}`);
  const signIn = (number: number) =>
    client.post('/v1/sign-in', { identifier: `user${number}`, password: PASSWORD });
  await standby.end('SIGINT');
  const writes = await Promise.all(Array.from({ length: 5 }, (_, index) => signIn(index)));
  const read = await client.get('/v1/session', accessToken);
  await standby.start();
  const recovered = await until(isServing, 30_000);
  const odd = writes.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null);
  return [
    none('writes without a standby that were not answered 503', odd.length),
    within(
      'time to be told',
      writes.map(({ milliseconds }) => milliseconds),
      WAIT_MILLISECONDS * drill.patience,
    ),
    isTrue('what is read without a standby is answered', read.status === 200),
    within('goes on by itself with one after', [recovered], RECOVERY_MILLISECONDS * drill.patience),
  ];
}

/** Asks for what a standby could answer, and for what it could not. */
async function onStandby({ client, work, seen }: Scene, held: { accessToken: string; refreshToken: string }) {
  const begun = performance.now();
  while (performance.now() - begun < STANDBY_MILLISECONDS) {
    seen.standby.push(
      ...(await Promise.all([
        client.get('/v1/session', held.accessToken),
        client.post('/v1/refresh', { refreshToken: held.refreshToken }),
        client.post('/v1/sign-in', { identifier: 'user1', password: PASSWORD }),
        client.get('/readyz'),
      ])),
    );
    await pause(50);
  }
  const started = await work.run(['serve']);
  if (started.code === 0 || !started.stderr.includes('a standby')) seen.notRefused += 1;
}

function seenFigures(drill: Drill, { standby, recoveries, notRefused }: Seen): Figure[] {
  const odd = standby.filter(({ status }) => status !== 503);
  return [
    atLeast('failovers', recoveries.length, FAILOVERS[drill.scale]),
    atLeast('requests while there was a standby only', standby.length, 4 * recoveries.length),
    none(
      `of them not answered 503 but ${[...new Set(odd.map(({ status }) => status))].join(', ')}`,
      odd.length,
    ),
    none('servers that were started meanwhile and did not refuse a standby', notRefused),
    within('goes on by itself after a promotion', recoveries, RECOVERY_MILLISECONDS * drill.patience),
  ];
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
