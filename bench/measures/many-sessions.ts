import { hashSync } from '@node-rs/argon2';
import { latchkeyDialect } from '../contenders/dialects.ts';
import { askUntilServed, times } from '../requests.ts';
import { PASSWORD } from '../scenarios.ts';
import { makeStore, PROGRAM, type Subject, start } from '../subject.ts';

const COST = { memoryKib: 64, passes: 1 };

/**
 * Does something with a Latchkey that has so many sessions, each begun by a sign-in. Their hashes are cheap: hashing is not what is
 * measured, and its threads take less memory than they do otherwise.
 * @param work gets an access token of each of them
 */
export async function withManySessions<Result>(
  accounts: number,
  sessions: number,
  work: (server: Subject, tokens: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const cheap = { algorithm: 2, memoryCost: COST.memoryKib, timeCost: COST.passes, parallelism: 1 };
  const store = makeStore(accounts, hashSync(PASSWORD, cheap));
  const server = await start(PROGRAM, ['serve'], store.directory, {
    LATCHKEY_HASHING_MEMORY_KIB: String(COST.memoryKib),
    LATCHKEY_HASHING_PASSES: String(COST.passes),
  });
  try {
    const tokens: string[] = [];
    await times(sessions, async (index) => {
      const username = store.usernames[index % store.usernames.length];
      const body = JSON.stringify({ username, password: PASSWORD });
      const headers = { 'content-type': 'application/json' };
      const answer = await askUntilServed(`${server.url}/auth/login`, headers, body);
      if (answer.status !== 200) throw new Error(`a sign-in was answered ${answer.status}`);
      tokens.push((JSON.parse(answer.text) as { access_token: string }).access_token);
    });
    const last = tokens.at(-1) ?? '';
    if (!(await latchkeyDialect.stands(server.url, last))) throw new Error('the sessions do not stand');
    return await work(server, tokens);
  } finally {
    await server.stop();
    store.remove();
  }
}
