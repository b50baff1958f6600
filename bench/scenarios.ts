/** The password of everybody in the bench directory. */
export const PASSWORD = 'correct horse battery staple';

/** What a connection asks next. */
export interface Scenario {
  /**
   * @param last the body of the last answer, null at first and after a failure
   * @returns null when there is nothing left to ask
   */
  request(connection: number, data: readonly string[], last: string | null): string | null;
}

/** What can be measured. */
export type ScenarioName = keyof typeof scenarios;

let turn = 0;

/** Every kind of load. */
export const scenarios = {
  /** A bare POST of JSON: the floor of what HTTP itself costs. */
  echo: { request: () => post('/echo', '{"refresh_token":"eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9"}') },

  /** Password sign-ins, each of the next person. */
  signIn: {
    request: (_, data) => {
      turn += 1;
      return post('/auth/login', JSON.stringify({ username: data[turn % data.length], password: PASSWORD }));
    },
  },

  /** A chain of refreshes for each connection; `data` has the first token of each. */
  refresh: {
    request: (connection, data, last) => {
      const token =
        last === null ? data[connection] : (JSON.parse(last) as { refresh_token: string }).refresh_token;
      return post('/auth/refresh-token', JSON.stringify({ refresh_token: token }));
    },
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
    request: (connection, data) =>
      `GET /v1/session HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${data[connection % data.length]}\r\n\r\n`,
  },
} satisfies Record<string, Scenario>;

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}
