import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A text message that was handed over. */
export interface TakenText {
  readonly to: string;
  readonly from: string;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

/** How a provider answers: takes the text, says a status, sends elsewhere, or says nothing at all. */
export type Behaviour = 'takes' | 'hangs' | { readonly status: number; readonly location?: string };

/** A real HTTP server that takes text messages and keeps them. */
export interface SmsProvider {
  readonly url: string;
  /** Every request, whatever was answered. */
  readonly asked: readonly TakenText[];
  /** What it took. */
  readonly taken: readonly TakenText[];
  /** The next text to a number that was not looked at yet; waits for it. */
  next(phone: string): Promise<TakenText>;
  /** The six digits in the next text to a number. */
  code(phone: string): Promise<string>;
  behave(behaviour: Behaviour): void;
  /** From now on whoever shows another token, or none, is answered 401. */
  demandToken(token: string): void;
  stop(): Promise<void>;
}

const WAIT_MILLISECONDS = 10_000;

/** Starts a provider. @param port a free one where none is given */
export async function startSmsProvider(port = 0): Promise<SmsProvider> {
  const asked: TakenText[] = [];
  const taken: TakenText[] = [];
  const unseen: TakenText[] = [];
  let behaviour: Behaviour = 'takes';
  let demanded: string | null = null;

  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString();
      if (demanded !== null && request.headers.authorization !== `Bearer ${demanded}`)
        return void response.writeHead(401).end();
      if (request.method !== 'POST') return void response.writeHead(405).end();
      const text = { ...(JSON.parse(body) as Omit<TakenText, 'headers'>), headers: request.headers };
      asked.push(text);
      if (behaviour === 'hangs') return;
      if (behaviour !== 'takes') {
        const { status, location } = behaviour;
        return void response.writeHead(status, location === undefined ? {} : { location }).end();
      }
      taken.push(text);
      unseen.push(text);
      response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"queued"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));

  async function next(phone: string): Promise<TakenText> {
    const deadline = Date.now() + WAIT_MILLISECONDS;
    while (Date.now() < deadline) {
      const at = unseen.findIndex(({ to }) => to === phone);
      const [text] = at < 0 ? [] : unseen.splice(at, 1);
      if (text) return text;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no text for ${phone} in ${WAIT_MILLISECONDS} ms`);
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/messages`,
    asked,
    taken,
    next,
    async code(phone) {
      const { text } = await next(phone);
      const digits = /\b\d{6}\b/.exec(text)?.[0];
      if (digits === undefined) throw new Error(`no code in the text: ${text}`);
      return digits;
    },
    behave: (next) => {
      behaviour = next;
    },
    demandToken: (token) => {
      demanded = token;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
