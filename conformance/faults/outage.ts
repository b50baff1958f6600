import { type Answer, type Client, clientOf } from './client.ts';
import { MAX_FAILURES } from './effects.ts';
import { atLeast, type Figure, isTrue, none, pause, until, within } from './fault.ts';
import { PASSWORD, WRONG_PASSWORD } from './people.ts';

/** Something that the store is away by, for a time. */
export interface Outage {
  readonly name: string;
  readonly seconds: number;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

/** Requests at a time while the store is away: more than it has connections. */
const AT_ONCE = 25;

/** How long after one lot the next is sent. */
const BETWEEN_MILLISECONDS = 250;

/** How long a request may take that the store cannot answer. */
const REFUSAL_MILLISECONDS = 2000;

/** How long after the store is back everything goes again. */
const RECOVERY_MILLISECONDS = 5000;

/** What clients have when the store goes away. */
interface Standing {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** The tokens of a session that was ended. */
  readonly revoked: { readonly accessToken: string; readonly refreshToken: string };
  /** Who has to wait, with the right password too. */
  readonly locked: string;
}

async function prepare(client: Client, number: number): Promise<Standing> {
  const signIn = async () =>
    (await client.post('/v1/sign-in', { identifier: 'user0', password: PASSWORD })).body;
  const [kept, revoked] = [await signIn(), await signIn()];
  await client.post('/v1/sign-out', {}, revoked.accessToken);
  const locked = `guessed${number}`;
  for (let count = 0; count < MAX_FAILURES; count += 1)
    await client.post('/v1/sign-in', { identifier: locked, password: WRONG_PASSWORD });
  return { ...kept, revoked, locked };
}

/** What needs the store: doors of each kind, since not all of them ask it the same first. */
function demands(client: Client, standing: Standing) {
  const { accessToken, refreshToken, revoked, locked } = standing;
  return {
    ...doors(client, accessToken),
    'sign-in': () => client.post('/v1/sign-in', { identifier: 'user1', password: PASSWORD }),
    'wrong password': () => client.post('/v1/sign-in', { identifier: 'user2', password: WRONG_PASSWORD }),
    refresh: () => client.post('/v1/refresh', { refreshToken }),
    session: () => client.get('/v1/session', accessToken),
    'revoked session': () => client.get('/v1/session', revoked.accessToken),
    'revoked refresh': () => client.post('/v1/refresh', { refreshToken: revoked.refreshToken }),
    'locked account': () => client.post('/v1/sign-in', { identifier: locked, password: PASSWORD }),
  };
}

/** Where something else than a password is shown. None of them would change anything if it were reached. */
function doors(client: Client, accessToken: string) {
  const challenge_token = 'a-ticket-that-nobody-has';
  const answer = { clientDataJSON: 'AA', authenticatorData: 'AA', signature: 'AA' };
  const passkey = { id: 'AA', type: 'public-key', response: answer };
  const nobody = { email: 'nobody@example.org', password: PASSWORD };
  return {
    code: () => client.post('/v1/challenges/verify', { challenge_token, code: '123456' }),
    'another code': () => client.post('/v1/challenges/resend', { challenge_token }),
    passkey: () => client.post('/v1/passkeys/sign-in', { challenge_token, passkey }),
    'forgotten password': () => client.post('/v1/password/forgot', { identifier: nobody.email }),
    reset: () => client.post('/v1/password/reset', { token: challenge_token, password: PASSWORD }),
    change: () =>
      client.post(
        '/v1/password/change',
        { currentPassword: WRONG_PASSWORD, password: PASSWORD },
        accessToken,
      ),
    'password again': () => client.post('/v1/session/prove', { password: WRONG_PASSWORD }, accessToken),
    'sign-up': () => client.post('/v1/sign-up', nobody),
    'sign-up confirmed': () => client.post('/v1/sign-up/confirm', { challenge_token, code: '123456' }),
    'sign-up at once': () =>
      client.post('/api/v1/auths/sign-up', { ...nobody, first_name: 'No', last_name: 'Body' }),
    'resource code': () =>
      client.post('/api/v1/auth/sign-in', {
        type: 'resource',
        data: { resource: 'voucher::drill::code::NONE' },
      }),
    sessions: () => client.get('/v1/sessions', accessToken),
  };
}

/**
 * Sees what a server does while its store is away, and when it is back.
 * @param url where the server is
 * @param number tells outages of one store apart
 * @param patience what promised times are multiplied by
 */
export async function livesThrough(
  outage: Outage,
  url: string,
  number: number,
  patience: number,
): Promise<Figure[]> {
  const client = clientOf(() => url);
  const standing = await prepare(client, number);
  const asked = Object.values(demands(client, standing));
  const answers: Answer[] = [];
  const healthy = { livez: 0, readyz: 0, jwks: 0, looks: 0 };
  await outage.begin();
  const begun = performance.now();
  const lots: Promise<unknown>[] = [];
  while (performance.now() - begun < outage.seconds * 1000) {
    const lot = Array.from({ length: AT_ONCE }, (_, index) => asked[index % asked.length]?.());
    lots.push(
      ...lot.map(async (sent) => {
        const answer = await sent;
        if (answer) answers.push(answer);
      }),
      look(client, healthy),
    );
    await pause(BETWEEN_MILLISECONDS);
  }
  await Promise.all(lots);
  await outage.end();
  const recovered = await until(async () => {
    const [signIn, ready] = [await demands(client, standing)['sign-in'](), await client.get('/readyz')];
    return signIn.status === 200 && ready.status === 200;
  }, 30_000);
  return [
    ...duringFigures(outage.name, answers, healthy, patience),
    within(`${outage.name}: goes on by itself after`, [recovered], RECOVERY_MILLISECONDS * patience),
    ...(await afterFigures(outage.name, client, standing)),
  ];
}

async function look(client: Client, healthy: Record<'livez' | 'readyz' | 'jwks' | 'looks', number>) {
  const [alive, ready, keys] = await Promise.all([
    client.get('/livez'),
    client.get('/readyz'),
    client.get('/.well-known/jwks.json'),
  ]);
  healthy.looks += 1;
  if (alive.status === 200) healthy.livez += 1;
  if (ready.status === 503) healthy.readyz += 1;
  if (keys.status === 200 && keys.body.keys.length > 0) healthy.jwks += 1;
}

function duringFigures(
  name: string,
  answers: readonly Answer[],
  healthy: Record<'livez' | 'readyz' | 'jwks' | 'looks', number>,
  patience: number,
): Figure[] {
  const odd = answers.filter(({ status }) => status !== 503);
  const kinds = [...new Set(odd.map(({ status }) => status))].join(', ');
  return [
    atLeast(`${name}: requests while the store was away`, answers.length, AT_ONCE),
    none(`${name}: of them not answered 503${kinds && ` but ${kinds}`}`, odd.length),
    none(
      `${name}: 503 without Retry-After`,
      answers.filter(({ status, retryAfter }) => status === 503 && !/^\d+$/.test(retryAfter ?? '')).length,
    ),
    within(
      `${name}: time to be told`,
      answers.map(({ milliseconds }) => milliseconds),
      REFUSAL_MILLISECONDS * patience,
    ),
    none(`${name}: /livez not green`, healthy.looks - healthy.livez),
    none(`${name}: /readyz not red`, healthy.looks - healthy.readyz),
    none(`${name}: keys not served`, healthy.looks - healthy.jwks),
  ];
}

/** Nothing was opened by it. */
async function afterFigures(name: string, client: Client, standing: Standing): Promise<Figure[]> {
  const ask = demands(client, standing);
  const [session, revoked, refreshed, locked, refresh] = [
    await ask.session(),
    await ask['revoked session'](),
    await ask['revoked refresh'](),
    await ask['locked account'](),
    await ask.refresh(),
  ];
  return [
    isTrue(
      `${name}: sessions still stand and are refreshed`,
      session.status === 200 && refresh.status === 200,
    ),
    isTrue(
      `${name}: what was revoked still is, who was locked out still is`,
      revoked.status === 401 && refreshed.status === 401 && locked.status === 429,
    ),
  ];
}
