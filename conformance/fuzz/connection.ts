import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer on a connection. */
export interface WireAnswer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
  readonly body: string;
}

/** What came back for requests that were written one after the other without waiting. */
export interface Exchange {
  readonly answers: readonly WireAnswer[];
  /** Whether the server said nothing for too long. */
  readonly silent: boolean;
}

/** How long an answer may take before it counts as none. */
const SILENCE_MILLISECONDS = 30_000;

/** A connection that is kept, on which several requests can be on their way at once. */
export class KeptConnection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | null = null;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Writes all requests at once and waits for their answers; there are fewer when the server has hung up. */
  async exchange(requests: readonly { method: string; bytes: Buffer }[]): Promise<Exchange> {
    const socket = await this.#open();
    const methods = requests.map(({ method }) => method);
    return new Promise((resolve) => {
      const answers: WireAnswer[] = [];
      let unread: Buffer = Buffer.alloc(0);
      const finish = (silent: boolean): void => {
        clearTimeout(timer);
        socket.removeAllListeners('data').removeAllListeners('close');
        // Else nobody would see that the server hangs up.
        socket.resume();
        if (answers.some(({ head }) => /^connection: close$/im.test(head))) this.close();
        resolve({ answers, silent });
      };
      const timer = setTimeout(() => {
        finish(true);
        this.close();
      }, SILENCE_MILLISECONDS);
      socket.on('close', () => finish(false));
      socket.on('data', (piece: Buffer) => {
        unread = Buffer.concat([unread, piece]);
        for (let one = readAnswer(unread, methods[answers.length]); one !== null; ) {
          answers.push(one.answer);
          unread = unread.subarray(one.length);
          one = readAnswer(unread, methods[answers.length]);
        }
        if (answers.length >= methods.length) finish(false);
      });
      socket.write(Buffer.concat(requests.map(({ bytes }) => bytes)));
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  async #open(): Promise<Socket> {
    if (this.#socket?.writable && !this.#socket.readableEnded) return this.#socket;
    this.close();
    const socket = connect(this.#port, this.#host).setNoDelay();
    this.#socket = socket;
    socket.on('error', () => undefined);
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
    if (socket.destroyed) throw new Error('the server takes no connection');
    return socket;
  }
}

/** The first answer in the bytes; null as long as it is not all there. */
function readAnswer(
  bytes: Buffer,
  method: string | undefined,
): { answer: WireAnswer; length: number } | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = bytes.subarray(0, end).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304 && status >= 200;
  const said = /^content-length: *(\d+)$/im.exec(head)?.[1];
  const bodyBytes = hasBody ? Number(said ?? 0) : 0;
  const length = end + 4 + bodyBytes;
  if (bytes.length < length) return null;
  return { answer: { status, head, body: bytes.subarray(end + 4, length).toString() }, length };
}

/** How long bytes that need not be a request are waited for. */
const PATIENCE_MILLISECONDS = 250;

/** Sends bytes of any kind on a connection of their own. @returns the statuses that came back before it was given up */
export function sendHostile(url: string, bytes: Buffer): Promise<number[]> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let said = '';
    socket.on('data', (piece) => {
      said += piece.toString('latin1');
      // More than one may be among them: what follows shortly belongs to them too.
      socket.setTimeout(20);
    });
    socket.on('error', () => undefined);
    socket.setTimeout(PATIENCE_MILLISECONDS, () => socket.destroy());
    socket.on('close', () =>
      resolve([...said.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))),
    );
  });
}
