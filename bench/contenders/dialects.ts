import { OIDC_CLIENT } from '../scenarios.ts';
import type { Dialect, Session } from './contender.ts';
import { ask, type JsonAnswer } from './json-request.ts';

/** The tokens in an answer of 200, as OAuth names them; null of any other. */
function tokensOf({ status, body }: JsonAnswer): Session | null {
  if (status !== 200 || body === null) return null;
  return { credential: String(body.access_token), refreshToken: String(body.refresh_token) };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Latchkey at its `login` contract and `/v1`. */
export const latchkeyDialect: Dialect = {
  scenarios: { signIn: 'signIn', refresh: 'refresh', session: 'session' },
  firstPath: '/livez',
  revokesAtOnce: true,
  signIn: async (url, username, password) =>
    tokensOf(await ask(`${url}/auth/login`, 'POST', {}, { username, password })),
  refresh: async (url, { refreshToken }) =>
    tokensOf(await ask(`${url}/auth/refresh-token`, 'POST', {}, { refresh_token: refreshToken })),
  stands: async (url, token) => (await ask(`${url}/v1/session`, 'GET', bearer(token))).status === 200,
  signOut: async (url, { credential }) => {
    await ask(`${url}/auth/logout`, 'POST', bearer(credential));
  },
};

/** The hand-written server. */
export const expressDialect: Dialect = {
  scenarios: { signIn: 'expressSignIn', refresh: 'expressRefresh', session: 'expressSession' },
  firstPath: '/session',
  revokesAtOnce: false,
  signIn: async (url, username, password) =>
    tokensOf(await ask(`${url}/login`, 'POST', {}, { username, password })),
  refresh: async (url, { refreshToken }) =>
    tokensOf(await ask(`${url}/refresh`, 'POST', {}, { refresh_token: refreshToken })),
  stands: async (url, token) => (await ask(`${url}/session`, 'GET', bearer(token))).status === 200,
  signOut: async (url, { credential }) => {
    await ask(`${url}/logout`, 'POST', bearer(credential));
  },
};

/** Better Auth takes requests from pages of its own only, where they look like a page's, as those of `fetch` do. */
const FROM_ITS_PAGE = { origin: 'http://127.0.0.1:3000' };

/** Better Auth; its credential is the line of cookies. */
export const betterAuthDialect: Dialect = {
  scenarios: { signIn: 'betterAuthSignIn', session: 'betterAuthSession' },
  firstPath: '/api/auth/ok',
  revokesAtOnce: true,
  async signIn(url, username, password) {
    const email = `${username}@example.com`;
    const { status, headers } = await ask(`${url}/api/auth/sign-in/email`, 'POST', FROM_ITS_PAGE, {
      email,
      password,
    });
    if (status !== 200) return null;
    const cookies = headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
    return { credential: cookies.join('; '), refreshToken: null };
  },
  stands: async (url, cookie) => (await ask(`${url}/api/auth/get-session`, 'GET', { cookie })).body !== null,
  signOut: async (url, { credential }) => {
    const headers = { cookie: credential, ...FROM_ITS_PAGE };
    await ask(`${url}/api/auth/sign-out`, 'POST', headers, {});
  },
};

/** oidc-provider: a client that refreshes, a resource server that introspects. */
export const oidcDialect: Dialect = {
  scenarios: { refresh: 'oidcRefresh', session: 'oidcIntrospection' },
  firstPath: '/.well-known/openid-configuration',
  revokesAtOnce: true,
  async refresh(url, { refreshToken }) {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '' });
    return tokensOf(await ask(`${url}/token`, 'POST', { authorization: OIDC_CLIENT }, body));
  },
  async stands(url, token) {
    const body = new URLSearchParams({ token });
    const answer = await ask(`${url}/token/introspection`, 'POST', { authorization: OIDC_CLIENT }, body);
    return answer.body?.active === true;
  },
  signOut: async (url, { credential }) => {
    const body = new URLSearchParams({ token: credential });
    await ask(`${url}/token/revocation`, 'POST', { authorization: OIDC_CLIENT }, body);
  },
};
