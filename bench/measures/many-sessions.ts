import { CHEAP_HASHING, cheapPasswordHash } from '../cheap-hashes.ts';
import { latchkeyDialect } from '../contenders/dialects.ts';
import { askUntilServed, times } from '../requests.ts';
import { PASSWORD } from '../scenarios.ts';
import { makeStore, PROGRAM, type Subject, start } from '../subject.ts';

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
  const store = makeStore(accounts, cheapPasswordHash());
  const server = await start(PROGRAM, ['serve'], store.directory, CHEAP_HASHING);
  try {
    const tokens = await signInOften(server, store.usernames, sessions);
    const last = tokens.at(-1) ?? '';
    if (!(await latchkeyDialect.stands(server.url, last))) throw new Error('the sessions do not stand');
    return await work(server, tokens);
  } finally {
    await server.stop();
    store.remove();
  }
}

/** Begins so many sessions, whoever they are of. @returns their access tokens */
export async function signInOften(
  server: Subject,
  usernames: readonly string[],
  sessions: number,
): Promise<string[]> {
  const tokens: string[] = [];
  await times(sessions, async (index) => {
    const body = JSON.stringify({ username: usernames[index % usernames.length], password: PASSWORD });
    const headers = { 'content-type': 'application/json' };
    const answer = await askUntilServed(`${server.url}/auth/login`, headers, body);
    if (answer.status !== 200) throw new Error(`a sign-in was answered ${answer.status}`);
    tokens.push((JSON.parse(answer.text) as { access_token: string }).access_token);
  });
  return tokens;
}
