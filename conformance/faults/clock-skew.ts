import { type MailSink, startMailSink } from '../../server/testing/mail-sink.ts';
import { SEED, totpCode } from '../../server/testing/totp.ts';
import { type Answer, type Client, clientOf } from './client.ts';
import { faketime, faketimeMissing } from './clock-jump.ts';
import { type Drill, type Fault, type Figure, none, pause, until, within } from './fault.ts';
import { loadPeople, PASSWORD, WRONG_PASSWORD } from './people.ts';
import { ownVerifier, type TokenChecker } from './verifiers.ts';

const APART_SECONDS = 60;
const TOKEN_SECONDS = 300;

/** What a busy machine may be wrong by, which is far from how far the clocks are apart. */
const MARGIN_SECONDS = 10;
const GRACE_SECONDS = 5;
const LOCK_SECONDS = 5;
const MAX_FAILURES = 3;
const PEOPLE = 6;

/** Two servers on one PostgreSQL, whose machines do not agree on the time. */
export const clockSkew: Fault = {
  id: 'RL-6',
  name: 'clock-skew',
  promise: `servers whose clocks are ${APART_SECONDS} s apart take each other’s tokens and codes, lock nobody out, and open nothing twice`,
  missing: faketimeMissing,
  async run(drill) {
    const figures: Figure[] = [];
    for (const seconds of drill.scale === 'short' ? [APART_SECONDS] : [APART_SECONDS, -APART_SECONDS])
      figures.push(...(await apart(drill, seconds)));
    return figures;
  },
};

interface Scene {
  /** Which is right, which is not, in both orders. */
  readonly orders: readonly (readonly [one: Client, other: Client])[];
  readonly mail: MailSink;
  readonly verifier: TokenChecker;
}

async function apart(drill: Drill, seconds: number): Promise<Figure[]> {
  const mail = await startMailSink();
  drill.later(() => mail.stop());
  const issuer = 'https://id.example.com';
  const work = drill.workplace({
    LATCHKEY_STORE_URL: await drill.database(await drill.postgres()),
    LATCHKEY_PUBLIC_URL: issuer,
    LATCHKEY_MAIL_URL: mail.url,
    LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', accessTokenSeconds: TOKEN_SECONDS }]),
    LATCHKEY_REFRESH_GRACE_SECONDS: String(GRACE_SECONDS),
    LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
    LATCHKEY_SIGN_IN_LOCK_SECONDS: String(LOCK_SECONDS),
  });
  await loadPeople(work, { users: PEOPLE, mailed: 2, guessed: 2, authenticated: 2 });
  const right = await work.serve();
  const wrong = await work.serve(['serve'], {
    LD_PRELOAD: faketime ?? '',
    FAKETIME: `${seconds > 0 ? '+' : ''}${seconds}`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  });
  const [a, b] = [clientOf(() => right.url), clientOf(() => wrong.url)];
  const verifier = ownVerifier(issuer, right.url, null);
  drill.later(verifier.stop);
  const orders = [[a, b] as const, [b, a] as const];
  const scene: Scene = { orders, mail, verifier };
  const name = `${seconds > 0 ? '+' : '−'}${Math.abs(seconds)} s`;
  const figures = [
    ...(await sessionFigures(scene)),
    ...(await graceFigures(scene)),
    ...(await codeFigures(scene)),
    ...(await waitFigures(drill, scene)),
  ];
  const ended = [await right.end('SIGTERM'), await wrong.end('SIGTERM')];
  figures.push(none('exit codes of orderly stops', Math.max(...ended.map(({ code }) => code ?? 1))));
  return figures.map((figure) => ({ ...figure, what: `${name}: ${figure.what}` }));
}

const signIn = (client: Client, username: string, password = PASSWORD) =>
  client.post('/auth/login', { username, password });
const refresh = (client: Client, token: string) =>
  client.post('/auth/refresh-token', { refresh_token: token });
const failed = (answers: readonly Answer[], status = 200) =>
  answers.filter((answer) => answer.status !== status).length;

/** People sign in at one, and go on at the other. */
async function sessionFigures({ orders, verifier }: Scene): Promise<Figure[]> {
  const signIns: Answer[] = [];
  const seen: Answer[] = [];
  const refreshed: Answer[] = [];
  const lives: number[] = [];
  let refused = 0;
  for (const [one, other] of orders)
    for (let person = 0; person < PEOPLE; person += 1) {
      const signed = await signIn(one, `user${person}`);
      signIns.push(signed);
      const { access_token: token = '', refresh_token: next = '' } = signed.body;
      if ((await verifier.refuses(token)) !== null) refused += 1;
      lives.push((expiryOf(token) - Date.now() / 1000) * 1000);
      seen.push(await other.get('/v1/session', token));
      refreshed.push(await refresh(other, next));
    }
  return [
    none('people who cannot sign in', failed(signIns)),
    none('tokens that the other refuses', failed(seen)),
    none('tokens that a resource server refuses', refused),
    none('refreshes that the other refuses', failed(refreshed)),
    within('life of a token', lives, (TOKEN_SECONDS + MARGIN_SECONDS) * 1000),
  ];
}

function expiryOf(token: string): number {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return payload === '' ? 0 : (JSON.parse(payload) as { exp: number }).exp;
}

/** A refresh whose answer was lost is repeated at the other, in time and too late. */
async function graceFigures({ orders }: Scene): Promise<Figure[]> {
  const repeated: Answer[] = [];
  const late: string[] = [];
  for (const [one, other] of orders) {
    const first = (await signIn(one, 'user0')).body.refresh_token;
    const begun = performance.now();
    const child = (await refresh(one, first)).body.refresh_token;
    const again = await refresh(other, first);
    // A machine that was busy for so long shows nothing.
    if (performance.now() - begun < GRACE_SECONDS * 1000)
      repeated.push(again.body.refresh_token === child ? again : { ...again, status: 0 });
    const stolen = (await signIn(one, 'user1')).body.refresh_token;
    await refresh(one, stolen);
    late.push(stolen);
  }
  await pause((GRACE_SECONDS + 0.5) * 1000);
  const answers = await Promise.all(orders.map(([, other], index) => refresh(other, late[index] ?? '')));
  return [
    none('refreshes repeated in time at the other, and not answered with the same', failed(repeated)),
    none('refreshes repeated too late at the other, and taken', failed(answers, 401)),
  ];
}

/** Codes of one are typed at the other, and again at the first. */
async function codeFigures({ orders, mail }: Scene): Promise<Figure[]> {
  const [proven, again]: [Answer[], Answer[]] = [[], []];
  const [shown, shownAgain]: [Answer[], Answer[]] = [[], []];
  for (const [index, [one, other]] of orders.entries()) {
    const name = `mailed${index}`;
    const ticket = ticketIn(await signIn(one, name));
    const code = await mail.code(`${name}@example.com`);
    proven.push(await verify(other, ticket, code));
    again.push(await verify(one, ticket, code));
    const [first, second] = [
      ticketIn(await signIn(one, `authenticated${index}`)),
      ticketIn(await signIn(other, `authenticated${index}`)),
    ];
    const now = totpCode(Date.now(), SEED);
    shown.push(await verify(one, first, now));
    shownAgain.push(await verify(other, second, now));
  }
  return [
    none('mailed codes that the other refuses', failed(proven)),
    none('mailed codes that are good twice', failed(again, 401)),
    none('codes of authenticators that are refused', failed(shown)),
    none('codes of authenticators that are good once at each', failed(shownAgain, 401)),
  ];
}

function ticketIn({ body }: Answer): string {
  return body.extra_attributes?.challenge_token ?? '';
}

function verify(client: Client, ticket: string, code: string): Promise<Answer> {
  return client.post('/v1/challenges/verify', { challenge_token: ticket, code });
}

/** Who has to wait at one has to wait at the other, and no longer. */
async function waitFigures(drill: Drill, { orders }: Scene): Promise<Figure[]> {
  const waits: number[] = [];
  let early = 0;
  for (const [index, [one, other]] of orders.entries()) {
    const name = `guessed${index}`;
    let begun = 0;
    for (let failures = 0; failures < MAX_FAILURES; failures += 1) {
      begun = performance.now();
      await signIn(one, name, WRONG_PASSWORD);
    }
    const meanwhile = await signIn(other, name);
    if (meanwhile.status !== 429 && performance.now() - begun < LOCK_SECONDS * 1000) early += 1;
    waits.push(await until(async () => (await signIn(other, name)).status === 200, 50_000));
  }
  return [
    none('people who have to wait and need not at the other', early),
    within('until their wait is over', waits, (LOCK_SECONDS + 2) * 1000 * drill.patience),
  ];
}
