import { PASSWORD } from '../scenarios.ts';
import type { Dialect, Session } from './contender.ts';

/**
 * Whether a server answers rightly before it is measured: nobody is to be fast by being wrong.
 * @param begun two sessions that are there, where the server has no sign-in that is measured
 * @returns what is wrong, a line each
 */
export async function wrongAnswers(
  dialect: Dialect,
  url: string,
  begun: readonly Session[],
): Promise<string[]> {
  const wrong: string[] = [];
  const expect = (isSo: boolean, what: string) => {
    if (!isSo) wrong.push(what);
  };
  let session = begun[0] ?? null;
  if (dialect.signIn !== undefined) {
    expect((await dialect.signIn(url, 'person0', `${PASSWORD}!`)) === null, 'takes a wrong password');
    expect((await dialect.signIn(url, 'nobody', PASSWORD)) === null, 'signs somebody in who is not there');
    session = await dialect.signIn(url, 'person0', PASSWORD);
  }
  if (session === null) return [...wrong, 'gives no session for the right password'];
  expect(await dialect.stands(url, session.credential), 'does not know the session that it gave');
  const { credential } = session;
  const forged = `${credential.slice(0, 40)}${credential[40] === 'A' ? 'B' : 'A'}${credential.slice(41)}`;
  expect(!(await dialect.stands(url, forged)), 'takes a forged credential');
  if (dialect.revokesAtOnce) {
    await dialect.signOut(url, session);
    expect(!(await dialect.stands(url, credential)), 'takes the credential of a session that has ended');
  }
  if (dialect.refresh !== undefined) wrong.push(...(await wrongRefreshes(dialect, url, begun[1] ?? null)));
  return wrong;
}

/** A chain of refreshes goes on, and a token that was replaced long ago is refused. */
async function wrongRefreshes(dialect: Dialect, url: string, begun: Session | null): Promise<string[]> {
  const first = begun ?? (await dialect.signIn?.(url, 'person1', PASSWORD)) ?? null;
  const second = first && (await dialect.refresh?.(url, first));
  const third = second && (await dialect.refresh?.(url, second));
  if (!first || !second || !third) return ['refuses a refresh token that is good'];
  if (third.refreshToken === first.refreshToken) return ['does not replace refresh tokens'];
  if (!(await dialect.stands(url, third.credential))) return ['does not know what a refresh gave'];
  return (await dialect.refresh?.(url, first)) === null ? [] : ['takes a refresh token that was replaced'];
}
