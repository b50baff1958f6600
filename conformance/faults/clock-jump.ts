import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Answer, type Client, clientOf } from './client.ts';
import { LEDGER_SETTINGS } from './crash.ts';
import { MAX_FAILURES, USERS } from './effects.ts';
import { type Drill, type Fault, type Figure, isTrue, none, pause, within } from './fault.ts';
import { loadPeople, PASSWORD, WRONG_PASSWORD } from './people.ts';

const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
];
/** Fakes the time of a process; undefined where it is not installed. */
export const faketime = LIBRARIES.find((path) => existsSync(path));

/** Why no clock can be faked; null when one can. */
export function faketimeMissing(): string | null {
  return faketime === undefined ? 'faketime is not installed (Debian: apt-get install faketime)' : null;
}

const REFUSAL_MILLISECONDS = 1000;

/** The clock of a server jumps by an hour, back and forth, while it serves. */
export const clockJump: Fault = {
  id: 'RL-6',
  name: 'clock-jump',
  promise: 'a clock that jumps by an hour locks nobody out, opens nothing and keeps nobody waiting',
  missing: faketimeMissing,
  async run(drill) {
    const figures: Figure[] = [];
    for (const hours of [-1, 1]) figures.push(...(await jump(drill, hours)));
    return figures;
  },
};

async function jump(drill: Drill, hours: number): Promise<Figure[]> {
  const work = drill.workplace({
    ...LEDGER_SETTINGS,
    LATCHKEY_SIGN_IN_REFUSAL_MILLISECONDS: String(REFUSAL_MILLISECONDS),
  });
  const offset = join(work.directory, 'clock');
  const set = (seconds: number) => writeFileSync(offset, `${seconds >= 0 ? '+' : ''}${seconds}`);
  set(0);
  await loadPeople(work, { users: USERS, guessed: 4 });
  const server = await work.serve(['serve'], {
    LD_PRELOAD: faketime ?? '',
    FAKETIME_TIMESTAMP_FILE: offset,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  });
  const client = clientOf(() => server.url);
  const signIn = (identifier: string, password = PASSWORD) =>
    client.post('/v1/sign-in', { identifier, password });
  const before = (await signIn('user0')).body;
  const ended = (await signIn('user0')).body;
  await client.post('/v1/sign-out', {}, ended.accessToken);
  for (let failures = 0; failures < MAX_FAILURES; failures += 1) await signIn('guessed0', WRONG_PASSWORD);
  const inFlight = Array.from({ length: 10 }, (_, index) => signIn(`user${index}`, WRONG_PASSWORD));
  await pause(REFUSAL_MILLISECONDS / 2);
  set(hours * 3600);
  const refusals = await Promise.all(inFlight);
  const name = `${hours > 0 ? '+' : '−'}1 h`;
  const after = await peopleAfter(client, before, signIn);
  const back = await signIn('guessed0');
  const revoked = await client.post('/v1/refresh', { refreshToken: ended.refreshToken });
  set(0);
  const returned = await Promise.all(Array.from({ length: 10 }, (_, index) => signIn(`user${20 + index}`)));
  const { code } = await server.end('SIGTERM');
  return [
    within(
      `${name}: requests in flight are answered`,
      refusals.map(({ status, milliseconds }) => (status === 401 ? milliseconds : Number.POSITIVE_INFINITY)),
      5000 * drill.patience,
    ),
    none(`${name}: people who cannot sign in`, after.signIns.filter(({ status }) => status !== 200).length),
    isTrue(`${name}: a session from before is refreshed`, after.refreshed.status === 200),
    isTrue(`${name}: the new session stands`, after.session.status === 200),
    isTrue(`${name}: what was ended stays ended`, revoked.status === 401),
    // Forward, the wait of 15 minutes is over; back, it must hold.
    isTrue(`${name}: who has to wait does`, hours > 0 || back.status === 429),
    none(
      `${name}, and back: people who cannot sign in`,
      returned.filter(({ status }) => status !== 200).length,
    ),
    none(`${name}: exit code of an orderly stop`, code ?? -1),
  ];
}

async function peopleAfter(
  client: Client,
  before: { refreshToken: string },
  signIn: (identifier: string) => Promise<Answer>,
) {
  const signIns = await Promise.all(Array.from({ length: 10 }, (_, index) => signIn(`user${10 + index}`)));
  const refreshed = await client.post('/v1/refresh', { refreshToken: before.refreshToken });
  const session = await client.get('/v1/session', signIns[0]?.body.accessToken);
  return { signIns, refreshed, session };
}
