import type { Client } from './client.ts';
import { EFFECTS, type Effect, type EffectWorld, type Problem } from './effects.ts';
import { pause } from './fault.ts';

/** Writes down what clients were told had happened, and looks later whether it has. */
export interface Ledger {
  /** Has every kind of effect made again and again, side by side, until it is told to stop. */
  work(): { stop(): Promise<void> };
  /** Looks at what was acknowledged since the last look. */
  checkNew(): Promise<void>;
  /** Looks at everything that was ever acknowledged. */
  checkAll(): Promise<void>;
  /** What was found not to be as acknowledged, each once. */
  readonly problems: readonly Problem[];
  /** How many of each kind were acknowledged; none is a number too. */
  readonly counts: Readonly<Record<string, number>>;
  /** Statuses that a client was answered with and none of the effects expects. */
  readonly oddAnswers: readonly string[];
}

/** How long a client waits that got no answer. */
const RETRY_MILLISECONDS = 20;

/** Entries looked at side by side. */
const CHECKS_AT_ONCE = 8;

/** @param effects the kinds to make */
export function openLedger(world: EffectWorld, effects: readonly Effect[] = EFFECTS): Ledger {
  const all: Entry[] = [];
  let unseen: Entry[] = [];
  const problems: Problem[] = [];
  const counts = Object.fromEntries(effects.map(({ name }) => [name, 0]));
  const oddAnswers: string[] = [];
  const made = new Map<string, number>();
  const nextOf = ({ name }: Effect): number => {
    const next = made.get(name) ?? 0;
    made.set(name, next + 1);
    return next;
  };

  const watchedWorld = { ...world, client: watched(world.client, oddAnswers) };

  const look = async (entries: readonly Entry[]) => {
    for (let at = 0; at < entries.length; at += CHECKS_AT_ONCE) {
      const found = await Promise.all(entries.slice(at, at + CHECKS_AT_ONCE).map(lookAt));
      problems.push(...found.flat());
    }
  };
  return {
    problems,
    counts,
    oddAnswers,
    work() {
      let working = true;
      const loops = effects.map(async (effect) => {
        while (working) {
          const check = await effect.make(watchedWorld, nextOf(effect));
          if (check === null) {
            await pause(RETRY_MILLISECONDS);
            continue;
          }
          counts[effect.name] = (counts[effect.name] ?? 0) + 1;
          const entry = { effect: effect.name, check };
          all.push(entry);
          unseen.push(entry);
        }
      });
      return {
        async stop() {
          working = false;
          await Promise.all(loops);
        },
      };
    },
    async checkNew() {
      const entries = unseen;
      unseen = [];
      await look(entries);
    },
    async checkAll() {
      unseen = [];
      await look(all);
    },
  };
}

interface Entry {
  readonly effect: string;
  readonly check: () => Promise<string | null>;
}

async function lookAt({ effect, check }: Entry): Promise<Problem[]> {
  const what = await check();
  return what === null ? [] : [{ effect, what }];
}

/** Notes faults of the server's: an unexpected one is answered with 500. */
function watched(client: Client, odd: string[]): Client {
  return {
    get: client.get,
    async post(path, body, token) {
      const answer = await client.post(path, body, token);
      if (answer.status === 500) odd.push(`${path}: ${answer.status}`);
      return answer;
    },
  };
}
