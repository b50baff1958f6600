import { expect, test } from 'vitest';
import { PASSWORD } from '../scenarios.ts';
import type { Dialect } from './contender.ts';
import { wrongAnswers } from './right-answers.ts';

/** What a server can do wrong. */
interface Faults {
  readonly takesAnyPassword?: boolean;
  readonly knowsEverybody?: boolean;
  readonly refusesTheRightOne?: boolean;
  readonly forgetsSessions?: boolean;
  readonly takesForgeries?: boolean;
  readonly neverEndsSessions?: boolean;
  readonly refusesRefreshes?: boolean;
  readonly keepsRefreshTokens?: boolean;
  readonly takesOldRefreshTokens?: boolean;
}

/** A server in a few lines, with faults. */
function serverWith(faults: Faults): Dialect {
  const sessions = new Map<string, { refreshToken: string }>();
  const spent = new Set<string>();
  let count = 0;
  const begin = () => {
    count += 1;
    const session = { credential: `${'a'.repeat(45)}-${count}`, refreshToken: `refresh-${count}` };
    sessions.set(session.credential, session);
    return session;
  };
  return {
    scenarios: {},
    firstPath: '/',
    revokesAtOnce: true,
    async signIn(_url, username, password) {
      if (!username.startsWith('person') && !faults.knowsEverybody) return null;
      if (password !== PASSWORD && !faults.takesAnyPassword) return null;
      return password === PASSWORD && username !== 'nobody' && faults.refusesTheRightOne ? null : begin();
    },
    async refresh(_url, { credential, refreshToken }) {
      const isSpent = spent.has(refreshToken ?? '') && !faults.takesOldRefreshTokens;
      if (isSpent || faults.refusesRefreshes || refreshToken === null) return null;
      if (faults.keepsRefreshTokens) return { credential, refreshToken };
      spent.add(refreshToken);
      return begin();
    },
    stands: async (_url, credential) =>
      !faults.forgetsSessions && (sessions.has(credential) || (faults.takesForgeries ?? false)),
    async signOut(_url, { credential }) {
      if (!faults.neverEndsSessions) sessions.delete(credential);
    },
  };
}

test('a server that answers rightly has nothing wrong', async () => {
  expect(await wrongAnswers(serverWith({}), '', [])).toEqual([]);
});

test.each([
  { faults: { takesAnyPassword: true }, said: 'takes a wrong password' },
  { faults: { knowsEverybody: true }, said: 'signs somebody in who is not there' },
  { faults: { refusesTheRightOne: true }, said: 'gives no session for the right password' },
  { faults: { forgetsSessions: true }, said: 'does not know the session that it gave' },
  { faults: { takesForgeries: true }, said: 'takes a forged credential' },
  { faults: { neverEndsSessions: true }, said: 'takes the credential of a session that has ended' },
  { faults: { refusesRefreshes: true }, said: 'refuses a refresh token that is good' },
  { faults: { keepsRefreshTokens: true }, said: 'does not replace refresh tokens' },
  { faults: { takesOldRefreshTokens: true }, said: 'takes a refresh token that was replaced' },
] satisfies { faults: Faults; said: string }[])('$said', async ({ faults, said }) => {
  expect(await wrongAnswers(serverWith(faults), '', [])).toContain(said);
});

test('a server without a sign-in is judged by the sessions that it began with', async () => {
  const { signIn, ...rest } = serverWith({ takesOldRefreshTokens: true });
  const begun = [await signIn?.('', 'person0', PASSWORD), await signIn?.('', 'person1', PASSWORD)];
  const sessions = begun.filter((session) => session != null);
  expect(await wrongAnswers(rest, '', sessions)).toEqual(['takes a refresh token that was replaced']);
  expect(await wrongAnswers(rest, '', [])).toContain('gives no session for the right password');
});
