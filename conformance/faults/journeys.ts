import type { MailSink } from '../../server/testing/mail-sink.ts';
import type { Answer, Client } from './client.ts';
import { USERS } from './effects.ts';
import { PASSWORD } from './people.ts';

/** Ways through the product that people take, one after the other or side by side. */
export interface Journeys {
  /** One person's way: signs in, by a mailed code or not, asks, refreshes, and ends it or lets it be. */
  travel(): Promise<void>;
  /** `turnedAway` are answers of 503: more than the server could do at the moment. */
  readonly counts: {
    begun: number;
    signIns: number;
    signOuts: number;
    mailed: number;
    codes: number;
    turnedAway: number;
  };
  /** Answers that were not as they should be otherwise, in words, and how often. */
  readonly odd: ReadonlyMap<string, number>;
}

/** How many people there are who are asked for a mailed code. */
export const MAILED = 20;

const EVERY_MAILED = 4;
const EVERY_CODE = 2;

/** @param vouchers how many codes `CODE0`, … there are */
export function openJourneys(client: Client, mail: MailSink, vouchers: number): Journeys {
  const counts = { begun: 0, signIns: 0, signOuts: 0, mailed: 0, codes: 0, turnedAway: 0 };
  const odd = new Map<string, number>();
  // Somebody who waits for a code is not asked for another.
  const free = Array.from({ length: MAILED }, (_, index) => `mailed${index}`);

  const isAsExpected = (what: string, answer: Answer, status: number): boolean => {
    if (answer.status === status) return true;
    if (answer.status === 503) {
      counts.turnedAway += 1;
      return false;
    }
    const words = `${what}: ${answer.status === 0 ? 'no answer' : answer.status}`;
    odd.set(words, (odd.get(words) ?? 0) + 1);
    return false;
  };

  async function signInByMail(name: string): Promise<Answer | null> {
    const begun = await client.post('/auth/login', { username: name, password: PASSWORD });
    if (!isAsExpected('sign-in of one who is mailed', begun, 401)) return null;
    const code = await mail.code(`${name}@example.com`).catch(() => '');
    counts.mailed += 1;
    return client.post('/v1/challenges/verify', {
      challenge_token: begun.body.extra_attributes?.challenge_token,
      code,
    });
  }

  async function signIn(number: number): Promise<Answer | null> {
    const name = number % EVERY_MAILED === 0 ? free.pop() : undefined;
    if (name === undefined)
      return client.post('/auth/login', { username: `user${number % USERS}`, password: PASSWORD });
    return signInByMail(name).finally(() => free.push(name));
  }

  async function spendCode(): Promise<void> {
    if (counts.codes >= vouchers) return;
    const resource = `voucher::drill::code::CODE${counts.codes++}`;
    const spent = await client.post('/api/v1/auth/sign-in', { type: 'resource', data: { resource } });
    isAsExpected('code', spent, 200);
  }

  return {
    counts,
    odd,
    async travel() {
      const number = counts.begun++;
      if (number % EVERY_CODE === 0) await spendCode();
      const signedIn = await signIn(number);
      if (signedIn === null || !isAsExpected('sign-in', signedIn, 200)) return;
      counts.signIns += 1;
      const { access_token, refresh_token } = signedIn.body;
      isAsExpected('session', await client.get('/v1/session', access_token), 200);
      const refreshed = await client.post('/auth/refresh-token', { refresh_token });
      if (!isAsExpected('refresh', refreshed, 200)) return;
      if (number % 2 === 0) return;
      counts.signOuts += 1;
      isAsExpected('sign-out', await client.post('/auth/logout', {}, refreshed.body.access_token), 204);
    },
  };
}

/** How many ways are gone in a second when there are always that many under way. */
export async function capacityOf(journeys: Journeys, atOnce: number, seconds: number): Promise<number> {
  const before = journeys.counts.begun;
  const begun = performance.now();
  const isOver = () => performance.now() - begun > seconds * 1000;
  const one = async () => {
    while (!isOver()) await journeys.travel();
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return (journeys.counts.begun - before) / ((performance.now() - begun) / 1000);
}

/** Begins that many ways a second, whether others have ended or not. Resolves `stop` when all have. */
export function steadyJourneys(journeys: Journeys, perSecond: number): { stop(): Promise<void> } {
  const underWay = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const way: Promise<void> = journeys.travel().finally(() => underWay.delete(way));
    underWay.add(way);
  }, 1000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}
