/** What a server answered, or that it did not: then the status is 0. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: bodies have the shape of whichever contract it was
  readonly body: any;
  readonly milliseconds: number;
}

/** What requests are sent with. */
export interface Client {
  get(path: string, token?: string): Promise<Answer>;
  post(path: string, body: object, token?: string): Promise<Answer>;
}

const TIMEOUT_MILLISECONDS = 20_000;

/** A client of the server that is at that address at the time. Nothing it does throws: a lost answer is a status of 0. */
export function clientOf(url: () => string): Client {
  const ask = async (method: string, path: string, token?: string, body?: object): Promise<Answer> => {
    const begun = performance.now();
    const answered = (status: number, retryAfter: string | null, text: string): Answer => ({
      status,
      retryAfter,
      body: asJson(text),
      milliseconds: performance.now() - begun,
    });
    try {
      const response = await fetch(url() + path, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return answered(response.status, response.headers.get('retry-after'), await response.text());
    } catch {
      return answered(0, null, '');
    }
  };
  return {
    get: (path, token) => ask('GET', path, token),
    post: (path, body, token) => ask('POST', path, token, body),
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
