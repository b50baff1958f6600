/** The password of everybody in the bench directory. */
export const PASSWORD = 'correct horse battery staple';

/** What a connection asks next. */
export interface Scenario {
  /**
   * @param last the body of the last answer, null at first and after a failure
   * @returns null when there is nothing left to ask
   */
  request(connection: number, data: readonly string[], last: string | null): string | null;
  /** Whether an answer with status 200 is what was asked for; any is where it is left out. */
  isRight?(body: string): boolean;
}

/** What can be measured. */
export type ScenarioName = keyof typeof scenarios;

let turn = 0;

/** What of `data` is next. */
const nextOf = (data: readonly string[]): string => {
  turn += 1;
  return data[turn % data.length] ?? '';
};

/** The refresh token that a connection has now. */
const tokenOf = (connection: number, data: readonly string[], last: string | null): string =>
  last === null ? (data[connection] ?? '') : (JSON.parse(last) as { refresh_token: string }).refresh_token;

/** Every kind of load. */
export const scenarios = {
  /** A bare POST of JSON: the floor of what HTTP itself costs. */
  echo: { request: () => post('/echo', '{"refresh_token":"eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9"}') },

  /** Password sign-ins, each of the next person. */
  signIn: {
    request: (_, data) => post('/auth/login', JSON.stringify({ username: nextOf(data), password: PASSWORD })),
  },

  /** A chain of refreshes for each connection; `data` has the first token of each. */
  refresh: {
    request: (connection, data, last) =>
      post('/auth/refresh-token', JSON.stringify({ refresh_token: tokenOf(connection, data, last) })),
  },

  /** Codes for challenges, each once; `data` has the bodies. */
  proof: {
    request: (_, data) => {
      const body = data[turn];
      turn += 1;
      return body === undefined ? null : post('/v1/challenges/verify', body);
    },
  },

  /** Introspection of an access token; `data` has one for each connection. */
  session: {
    request: (connection, data) => get('/v1/session', bearer(connection, data)),
  },
  /** The same with whichever token is next, whoever asks. */
  sessionInTurn: {
    request: (_, data) => get('/v1/session', `Authorization: Bearer ${nextOf(data)}\r\n`),
  },

  expressSignIn: {
    request: (_, data) => post('/login', JSON.stringify({ username: nextOf(data), password: PASSWORD })),
  },
  expressRefresh: {
    request: (connection, data, last) =>
      post('/refresh', JSON.stringify({ refresh_token: tokenOf(connection, data, last) })),
  },
  expressSession: {
    request: (connection, data) => get('/session', bearer(connection, data)),
  },

  betterAuthSignIn: {
    request: (_, data) =>
      post(
        '/api/auth/sign-in/email',
        JSON.stringify({ email: `${nextOf(data)}@example.com`, password: PASSWORD }),
      ),
  },
  /** `data` has cookies. Without a session the answer is 200, too. */
  betterAuthSession: {
    request: (connection, data) =>
      get('/api/auth/get-session', `Cookie: ${data[connection % data.length]}\r\n`),
    isRight: (body) => body.startsWith('{'),
  },

  oidcRefresh: {
    request: (connection, data, last) =>
      postForm(
        '/token',
        new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: tokenOf(connection, data, last),
        }).toString(),
      ),
  },
  oidcIntrospection: {
    request: (connection, data) =>
      postForm('/token/introspection', `token=${data[connection % data.length]}`),
    isRight: (body) => body.includes('"active":true'),
  },
} satisfies Record<string, Scenario>;

/** How the client of the OpenID provider shows who it is. */
export const OIDC_CLIENT = `Basic ${btoa('bench:a+secret+of+the+bench')}`;

const bearer = (connection: number, data: readonly string[]) =>
  `Authorization: Bearer ${data[connection % data.length]}\r\n`;

const get = (path: string, headers: string) => `GET ${path} HTTP/1.1\r\nHost: bench\r\n${headers}\r\n`;

const post = (path: string, body: string) => withBody(path, 'Content-Type: application/json\r\n', body);

const postForm = (path: string, body: string) =>
  withBody(
    path,
    `Authorization: ${OIDC_CLIENT}\r\nContent-Type: application/x-www-form-urlencoded\r\n`,
    body,
  );

const withBody = (path: string, headers: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: bench\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
