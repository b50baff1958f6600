import { setTimeout } from 'node:timers/promises';
import { hashSync } from '@node-rs/argon2';
import { latchkeyDialect } from '../contenders/dialects.ts';
import { residentMib } from '../process-times.ts';
import { type Figure, plainFigure } from '../report/results.ts';
import { askUntilServed, times } from '../requests.ts';
import { PASSWORD } from '../scenarios.ts';
import { makeStore, PROGRAM, start } from '../subject.ts';
import { untilIdle } from './started.ts';

const COST = { memoryKib: 64, passes: 1 };

/** Hashing threads that have nothing to do have ended by then. */
const STANDING_MILLISECONDS = 75_000;

/**
 * What Latchkey has in memory when so many sessions have just been begun, and while they stand. Hashing is cheap here: it is not
 * what is measured.
 */
export async function measureSessionMemory(
  subject: string,
  accounts: number,
  sessions: number,
): Promise<Figure[]> {
  const cheap = { algorithm: 2, memoryCost: COST.memoryKib, timeCost: COST.passes, parallelism: 1 };
  const store = makeStore(accounts, hashSync(PASSWORD, cheap));
  const server = await start(PROGRAM, ['serve'], store.directory, {
    LATCHKEY_HASHING_MEMORY_KIB: String(COST.memoryKib),
    LATCHKEY_HASHING_PASSES: String(COST.passes),
  });
  try {
    let last = '';
    await times(sessions, async (index) => {
      const username = store.usernames[index % store.usernames.length];
      const body = JSON.stringify({ username, password: PASSWORD });
      const headers = { 'content-type': 'application/json' };
      const answer = await askUntilServed(`${server.url}/auth/login`, headers, body);
      if (answer.status !== 200) throw new Error(`a sign-in was answered ${answer.status}`);
      last = (JSON.parse(answer.text) as { access_token: string }).access_token;
    });
    if (!(await latchkeyDialect.stands(server.url, last))) throw new Error('the sessions do not stand');
    await untilIdle([server.pid]);
    const begun = residentMib([server.pid]);
    await setTimeout(STANDING_MILLISECONDS);
    return [
      plainFigure('memory-sessions-begun', subject, sessions, [begun]),
      plainFigure('memory-sessions', subject, sessions, [residentMib([server.pid])]),
    ];
  } finally {
    await server.stop();
    store.remove();
  }
}
