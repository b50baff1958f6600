import { startRudeMailServer } from '../../server/testing/rude-mail-server.ts';
import { clientOf } from './client.ts';
import { USERS } from './effects.ts';
import { atLeast, type Drill, type Fault, type Figure, isTrue, none, pause, until, within } from './fault.ts';
import { loadPeople, PASSWORD } from './people.ts';

const ROUNDS = { short: 1, full: 10 } as const;
const STOP_MILLISECONDS = 15_000;
const DRAIN_MILLISECONDS = 1000;

/** SIGTERM while requests are in flight, and while a mail server says nothing. */
export const gracefulStop: Fault = {
  id: 'RL-10',
  name: 'graceful-stop',
  promise: 'told to stop, a server says so at once, finishes what is in flight, and ends with 0 within 15 s',
  async run(drill) {
    const figures: Figure[] = [];
    for (let round = 0; round < ROUNDS[drill.scale]; round += 1) figures.push(...(await stopInFlight(drill)));
    return [...figures, ...(await stopWhileMailHangs(drill))];
  },
};

async function stopInFlight(drill: Drill): Promise<Figure[]> {
  // Hashing takes long enough for sign-ins to be in flight.
  const work = drill.workplace({
    LATCHKEY_HASHING_MEMORY_KIB: '65536',
    LATCHKEY_HASHING_PASSES: '2',
    LATCHKEY_HASHING_QUEUE_MILLISECONDS: '30000',
    LATCHKEY_LISTEN_DRAIN_MILLISECONDS: String(DRAIN_MILLISECONDS),
  });
  await loadPeople(work, { users: USERS });
  const server = await work.serve();
  const client = clientOf(() => server.url);
  // The first renews the hash; those after it take as long as hashing does.
  const signIn = (number: number) =>
    client.post('/v1/sign-in', { identifier: `user${number}`, password: PASSWORD });
  await signIn(0);
  const inFlight = Array.from({ length: 12 }, (_, index) => signIn(index));
  await pause(30);
  const begun = performance.now();
  const ended = server.end('SIGTERM').then(({ code }) => ({ code, at: performance.now() - begun }));
  const red = await until(async () => (await client.get('/readyz')).status === 503, DRAIN_MILLISECONDS);
  const whileDraining = await signIn(20);
  const answers = await Promise.all(inFlight);
  const { code, at } = await ended;
  return [
    within('until /readyz is red', [red], DRAIN_MILLISECONDS / 2),
    isTrue('taken while it drains', whileDraining.status === 200),
    atLeast('requests in flight', answers.length, 12),
    none('of them not finished', answers.filter(({ status }) => status !== 200).length),
    within('until the process ended', [at], STOP_MILLISECONDS * drill.patience),
    none('exit code', code ?? -1),
  ];
}

/** A mail that is on its way to a server that says nothing: it stays in the outbox, and nobody waits for it for long. */
async function stopWhileMailHangs(drill: Drill): Promise<Figure[]> {
  const mail = await startRudeMailServer();
  drill.later(() => mail.stop());
  const work = drill.workplace({ LATCHKEY_MAIL_URL: mail.url });
  await loadPeople(work, { mailed: 1 });
  mail.treat('mailed0@example.com', 'hangs');
  const first = await work.serve();
  const client = clientOf(() => first.url);
  await client.post('/v1/sign-in', { identifier: 'mailed0', password: PASSWORD });
  await until(async () => mail.offered('mailed0@example.com') > 0, 10_000);
  const begun = performance.now();
  const { code } = await first.end('SIGTERM');
  const took = performance.now() - begun;
  mail.treat('mailed0@example.com', null);
  const second = await work.serve();
  const sent = await mail.until('mailed0@example.com').then(
    () => true,
    () => false,
  );
  await second.end('SIGTERM');
  return [
    within('until the process ended while the mail server said nothing', [took], STOP_MILLISECONDS),
    none('its exit code', code ?? -1),
    isTrue('that mail is sent by the next server', sent),
  ];
}
