import type { Answer, Client } from './client.ts';
import { USERS } from './effects.ts';
import { pause } from './fault.ts';
import { PASSWORD } from './people.ts';

/** Requests at a steady rate, and what became of them. */
export interface SteadyLoad {
  readonly answers: readonly Answer[];
  /** How many had not been answered yet when there were most. */
  mostWaiting(): number;
  /** Sends no more, and waits for what is under way. */
  stop(): Promise<void>;
}

/**
 * Signs in, refreshes and asks about sessions at a steady rate, whether answers come or not.
 * @param perSecond how many requests
 */
export function steadyLoad(client: Client, perSecond: number): SteadyLoad {
  const answers: Answer[] = [];
  const underWay = new Set<Promise<void>>();
  const held: { accessToken: string; refreshToken: string }[] = [];
  let number = 0;
  let most = 0;
  const send = async () => {
    number += 1;
    const session = held.shift();
    // Every third request is a sign-in: each gives a token to ask with and one to exchange.
    if (session === undefined || number % 3 === 0) {
      const answer = await client.post('/v1/sign-in', {
        identifier: `user${number % USERS}`,
        password: PASSWORD,
      });
      answers.push(answer);
      if (session !== undefined) held.push(session);
      if (answer.status === 200) held.push(answer.body);
    } else if (number % 3 === 1) {
      answers.push(await client.get('/v1/session', session.accessToken));
      held.push(session);
    } else {
      answers.push(await client.post('/v1/refresh', { refreshToken: session.refreshToken }));
    }
  };
  const timer = setInterval(() => {
    const sent: Promise<void> = send().finally(() => underWay.delete(sent));
    underWay.add(sent);
    most = Math.max(most, underWay.size);
  }, 1000 / perSecond);
  return {
    answers,
    mostWaiting: () => most,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}

/**
 * Asks whether people can sign in, somebody else each time: an attempt that was lost on its way holds its place for a while, and
 * nobody has many.
 */
export function signInProbe(client: Client): () => Promise<boolean> {
  let number = 0;
  return async () => {
    number += 1;
    const identifier = `user${number % USERS}`;
    return (await client.post('/v1/sign-in', { identifier, password: PASSWORD })).status === 200;
  };
}

/** The answers that were not as they should be, in words: `503 × 2, no answer × 1`. */
export function failed(answers: readonly Answer[]): { readonly count: number; readonly kinds: string } {
  const bad = answers.filter(({ status }) => status !== 200);
  const kinds = Map.groupBy(bad, ({ status }) => (status === 0 ? 'no answer' : String(status)));
  return {
    count: bad.length,
    kinds: [...kinds].map(([kind, each]) => `${kind} × ${each.length}`).join(', '),
  };
}

/** Lets a load run for that long. */
export async function loadFor(load: SteadyLoad, seconds: number): Promise<readonly Answer[]> {
  await pause(seconds * 1000);
  await load.stop();
  return load.answers;
}
