import { type MailSink, startMailSink } from '../../server/testing/mail-sink.ts';
import { askOne } from '../../server/testing/postgres.ts';
import { type Answer, type Client, clientOf } from './client.ts';
import { auditFigures, LEDGER_SETTINGS } from './crash.ts';
import { doubleFigures } from './doubles.ts';
import { atLeast, type Drill, type Fault, type Figure, none, pause, until } from './fault.ts';
import { loadPeople, PASSWORD } from './people.ts';
import { type Loss, startTcpProxy, type TcpProxy, throughPort } from './tcp-proxy.ts';
import { type Begun, TRIALS, type Trial, USERS_PER_TRIAL } from './unknown-trials.ts';

/** How often each trial is made, once with the commit lost and once with the answer to it. */
const ROUNDS = { short: 1, full: 20 } as const;

/** Mails of which the note that they were sent is lost. */
const MAILS = { short: 2, full: 20 } as const;

/** How long a loss is waited for, and its consequences. */
const LOSS_MILLISECONDS = 10_000;

/** How long a mail can be held by a sender that knows nothing of it. */
const CLAIM_MILLISECONDS = 60_000;

/** A commit is cut off before it gets to PostgreSQL, or after that and before its answer gets to the server. */
export const commitUnknown: Fault = {
  id: 'RL-4',
  name: 'commit-unknown',
  promise:
    'where nobody can say whether a commit was done, the client is told so, it is there wholly or not at all, and nothing is done twice',
  async run(drill) {
    const database = await drill.postgres();
    const url = await drill.database(database);
    const proxy = await startTcpProxy(Number(new URL(url).port));
    drill.later(() => proxy.stop());
    const mail = await startMailSink();
    drill.later(() => mail.stop());
    const work = drill.workplace({
      ...LEDGER_SETTINGS,
      LATCHKEY_REFRESH_GRACE_SECONDS: '60',
      LATCHKEY_STORE_URL: throughPort(url, proxy.port),
      LATCHKEY_MAIL_URL: mail.url,
    });
    const people = 2 * ROUNDS[drill.scale];
    const mailed = people + MAILS[drill.scale];
    const users = people * USERS_PER_TRIAL;
    await loadPeople(work, { users, mailed, guessed: people, changing: people, codes: people });
    const server = await work.serve();
    const scene = { drill, client: clientOf(() => server.url), proxy, url, mail };
    const seen: Seen = { answers: [], problems: [], lost: 0 };
    for (let number = 0; number < people; number += 1) {
      const what = number % 2 === 0 ? 'answer' : 'request';
      for (const trial of TRIALS) await tryOne(scene, { trial, what, number }, seen);
      drill.progress(`${number + 1} of ${people}, ${seen.problems.length} are not as they should be`);
    }
    const mails = await mailsUnsettled(scene, people);
    const audit = await auditFigures(work, 'commit unknown');
    const { code } = await server.end('SIGTERM');
    return [
      ...seenFigures(seen, people * TRIALS.length),
      ...mails,
      ...(await doubleFigures(url)),
      ...audit,
      none('exit code of an orderly stop afterwards', code ?? -1),
    ];
  },
};

interface Scene {
  readonly drill: Drill;
  readonly client: Client;
  readonly proxy: TcpProxy;
  readonly mail: MailSink;
  /** Of the database itself. */
  readonly url: string;
}

interface Seen {
  readonly answers: Answer[];
  readonly problems: string[];
  lost: number;
}

async function tryOne(
  scene: Scene,
  { trial, what, number }: { readonly trial: Trial; readonly what: Loss['what']; readonly number: number },
  seen: Seen,
): Promise<void> {
  const { client, proxy, url } = scene;
  const begun = await trial.begin(client, number);
  await renewConnections(scene);
  const before = await counted(url, begun);
  const loss = { what, bytes: trial.bytes, ...(trial.behind === undefined ? {} : { behind: trial.behind }) };
  const lost = proxy.lose(loss).then(() => true);
  seen.answers.push(await begun.act());
  if (await Promise.race([lost, pause(LOSS_MILLISECONDS).then(() => false)])) seen.lost += 1;
  const expected = what === 'answer' ? 1 : 0;
  await until(async () => (await counted(url, begun)) - before === expected, LOSS_MILLISECONDS);
  const done = (await counted(url, begun)) - before;
  const problem = (text: string) => seen.problems.push(`${trial.name}, ${what} lost: ${text}`);
  if (done !== expected) problem(`done ${done} times`);
  await until(async () => (await client.get('/readyz')).status === 200, LOSS_MILLISECONDS);
  const odd = await begun.again(done === 1);
  if (odd !== null) problem(odd);
  const inTheEnd = (await counted(url, begun)) - before;
  if (inTheEnd !== (trial.repeats ? done + 1 : 1)) problem(`repeated it was done ${inTheEnd} times`);
}

async function counted(url: string, { count }: Begun): Promise<number> {
  return Number(await askOne(url, count));
}

/** A statement is written out only when a connection carries it for the first time. */
async function renewConnections({ client, proxy }: Scene): Promise<void> {
  proxy.cut();
  // The server must have noticed.
  await pause(50);
  await until(async () => (await client.get('/readyz')).status === 200, LOSS_MILLISECONDS);
}

/** Mails that were sent, and nobody knows whether that was written down. */
async function mailsUnsettled(scene: Scene, first: number): Promise<Figure[]> {
  const { drill, client, proxy, mail, url } = scene;
  const waiting = async () => Number(await askOne(url, 'SELECT count(*)::int AS answer FROM outbox'));
  let lost = 0;
  let unsent = 0;
  for (let number = first; number < first + MAILS[drill.scale]; number += 1) {
    // A mail of before, settled over a connection just renewed, would have carried the statement over it already.
    await until(async () => (await waiting()) <= unsent, LOSS_MILLISECONDS);
    await renewConnections(scene);
    // What was not written down is sent again when the claim on it has ended: the short form does not wait for that.
    const what = drill.scale === 'full' && number % 2 === 1 ? 'request' : 'answer';
    const isLost = proxy.lose({ what, bytes: 'DELETE FROM outbox' }).then(() => true);
    await client.post('/v1/sign-in', { identifier: `mailed${number}`, password: PASSWORD });
    if (await Promise.race([isLost, pause(LOSS_MILLISECONDS).then(() => false)])) lost += 1;
    if (what === 'request') unsent += 1;
  }
  await until(async () => (await waiting()) === 0, CLAIM_MILLISECONDS + LOSS_MILLISECONDS);
  let wrong = 0;
  for (let number = 0; number < first + MAILS[drill.scale]; number += 1) {
    const name = `mailed${number}`;
    const mails = mail.delivered.filter(({ recipients }) => recipients.includes(`${name}@example.com`));
    const tickets = `SELECT count(*)::int AS answer FROM tickets t JOIN accounts a ON a.id = t.account_id WHERE a.username = '${name}'`;
    if (new Set(mails.map(({ messageId }) => messageId)).size !== (await askOne(url, tickets))) wrong += 1;
  }
  return [
    atLeast('mails of which the note that they were sent was lost', lost, MAILS[drill.scale]),
    none('mails that still wait', await waiting()),
    none('people who were not mailed each of their codes, each to be seen once', wrong),
  ];
}

function seenFigures({ answers, problems, lost }: Seen, trials: number): Figure[] {
  const odd = answers.filter(({ status }) => status !== 503 && status !== 0);
  return [
    atLeast('commits of which the end was lost', lost, trials),
    none(`of them told as anything but that: ${odd.map(({ status }) => status).join(', ')}`, odd.length),
    none(
      '503 without Retry-After',
      answers.filter(({ status, retryAfter }) => status === 503 && !/^\d+$/.test(retryAfter ?? '')).length,
    ),
    none(
      `not wholly there or not at all, or otherwise than documented when repeated: ${problems.slice(0, 5).join('; ')}`,
      problems.length,
    ),
  ];
}
