import type { Answer, TestApp } from './app.ts';

/** A server in another process, asked in the same way as one in this. */
export type RemoteServer = Pick<TestApp, 'url' | 'request' | 'post'>;

/** @param url where it listens */
export function remoteServer(url: string): RemoteServer {
  const request: RemoteServer['request'] = async (method, path, options = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: options.headers ?? {},
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: asJson(text) };
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    request('POST', path, {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  return { url, request, post };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
