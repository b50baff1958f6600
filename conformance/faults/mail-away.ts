import { startMailSink } from '../../server/testing/mail-sink.ts';
import { freePort } from '../../server/testing/postgres.ts';
import { startRudeMailServer } from '../../server/testing/rude-mail-server.ts';
import { clientOf } from './client.ts';
import { atLeast, type Drill, type Fault, type Figure, isTrue, none, until, within } from './fault.ts';
import { loadPeople, PASSWORD } from './people.ts';

const MAILS = { short: 60, full: 1000 } as const;
const SETTINGS = { LATCHKEY_MAIL_LIMIT_PER_DAY: '1000000' };

/** How long a sign-in that mails a code may take while nobody takes mail. */
const ANSWER_MILLISECONDS = 2000;

/** The mail server is gone while codes are asked for, and so is the server that queued them; another one is rude. */
export const mailAway: Fault = {
  id: 'RL-5',
  name: 'mail-away',
  promise:
    'no caller notices that mail is away; what was queued outlives a kill and goes out, one bad address in nobody’s way',
  run: async (drill) => [...(await gone(drill)), ...(await rude(drill))],
};

async function gone(drill: Drill): Promise<Figure[]> {
  const port = await freePort();
  const work = drill.workplace({ ...SETTINGS, LATCHKEY_MAIL_URL: `smtp://127.0.0.1:${port}` });
  const count = MAILS[drill.scale];
  await loadPeople(work, { mailed: count });
  const first = await work.serve();
  const client = clientOf(() => first.url);
  const times: number[] = [];
  let unlike = 0;
  for (let at = 0; at < count; at += 4) {
    const answers = await Promise.all(
      Array.from({ length: Math.min(4, count - at) }, (_, index) =>
        client.post('/v1/sign-in', { identifier: `mailed${at + index}`, password: PASSWORD }),
      ),
    );
    times.push(...answers.map(({ milliseconds }) => milliseconds));
    unlike += answers.filter(({ status }) => status !== 403).length;
  }
  await first.end('SIGKILL');
  const sink = await startMailSink(port);
  drill.later(() => sink.stop());
  const second = await work.serve();
  const addresses = () => new Set(sink.delivered.flatMap(({ recipients }) => recipients)).size;
  await until(async () => addresses() === count, 120_000);
  await second.end('SIGTERM');
  const messages = new Set(sink.delivered.map(({ messageId }) => messageId)).size;
  return [
    none(`codes asked for while mail was away (${count}) that were answered otherwise than always`, unlike),
    within('time to answer', times, ANSWER_MILLISECONDS * drill.patience),
    none('mails lost by the kill', count - addresses()),
    none('mails that are seen twice', messages - count),
  ];
}

async function rude(drill: Drill): Promise<Figure[]> {
  const mail = await startRudeMailServer();
  drill.later(() => mail.stop());
  const work = drill.workplace({ ...SETTINGS, LATCHKEY_MAIL_URL: mail.url });
  await loadPeople(work, { mailed: 12 });
  const kinds = ['refuses recipient', 'refuses for now', 'hangs', 'drops'] as const;
  const address = (number: number) => `mailed${number}@example.com`;
  for (const [number, kind] of kinds.entries()) mail.treat(address(number), kind);
  const server = await work.serve();
  const client = clientOf(() => server.url);
  for (let number = 0; number < 12; number += 1)
    await client.post('/v1/sign-in', { identifier: `mailed${number}`, password: PASSWORD });
  const well = [4, 5, 6, 7, 8, 9, 10, 11].map(address);
  const isSent = (each: string) => mail.taken.some(({ recipients }) => recipients.includes(each));
  await until(async () => well.every(isSent), 10_000);
  const others = well.filter(isSent).length;
  for (const number of kinds.keys()) mail.treat(address(number), null);
  const again = await until(async () => kinds.every((_, number) => isSent(address(number))), 60_000);
  const ids = (each: string) =>
    new Set(
      mail.taken.filter(({ recipients }) => recipients.includes(each)).map(({ messageId }) => messageId),
    );
  const result = [
    atLeast(
      'mails sent past four addresses that are refused, deferred, hung and dropped',
      others,
      well.length,
    ),
    isTrue('those four are sent once the server takes them', again < Number.POSITIVE_INFINITY),
    none(
      'of all, seen twice',
      [...well, ...kinds.map((_, number) => address(number))].filter((each) => ids(each).size > 1).length,
    ),
  ];
  await server.end('SIGTERM');
  return result;
}
