import { endingWith, type ServerAccess } from './ask-server.ts';
import { EventStreamParser, type ServerSentEvent } from './event-stream.ts';

/** One connection to the feed. */
export interface FeedConnection {
  readonly access: ServerAccess;
  readonly credential: string;
  /** Where to go on from; null for all that the server still has. */
  readonly lastEventId: string | null;
  /** The connection is dead when nothing came for so long. */
  readonly silenceMilliseconds: number;
  /** The server has taken the credential and will tell of all that happens from now on. */
  readonly onOpen: () => void;
  /** Something came: the events that are complete with it, often none. Nothing more is read before this is done. */
  readonly onPiece: (events: readonly ServerSentEvent[]) => Promise<void>;
}

/** The server does not serve the feed to this verifier: its credential is not good, or there is no feed at that address. */
export class FeedRefusedError extends Error {
  override readonly name = 'FeedRefusedError';
  readonly status: number;

  constructor(status: number, explanation: string) {
    super(`the server refuses the feed of revocations: ${status} ${explanation}`.trimEnd());
    this.status = status;
  }
}

/**
 * Listens until the connection ends, however it ends.
 * @throws FeedRefusedError when the server does not serve the feed; Error when the connection broke or fell silent
 */
export async function listen(connection: FeedConnection): Promise<void> {
  const { access, silenceMilliseconds } = connection;
  const ending = endingWith([access.closed]);
  const fallSilent = () => ending.abort(new Error(`the feed was silent for ${silenceMilliseconds} ms`));
  let silence = setTimeout(fallSilent, silenceMilliseconds);
  try {
    const pieces = await open(connection, ending.signal);
    connection.onOpen();
    const parser = new EventStreamParser();
    for await (const piece of pieces) {
      clearTimeout(silence);
      silence = setTimeout(fallSilent, silenceMilliseconds);
      await connection.onPiece(parser.push(piece));
    }
    throw new Error('the server ended the feed');
  } finally {
    clearTimeout(silence);
    ending.release();
    // What has gone wrong here need not have ended the connection.
    ending.abort(new Error('done'));
  }
}

async function open(connection: FeedConnection, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const { access, credential, lastEventId } = connection;
  const answer = await access.fetch(`${access.baseUrl}/v1/revocations`, {
    headers: {
      authorization: `Bearer ${credential}`,
      accept: 'text/event-stream',
      'cache-control': 'no-cache',
      ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }),
    },
    redirect: 'error',
    signal,
  });
  if (!isFinal(answer.status)) throw new Error(`the server answered ${answer.status} for its feed`);
  if (answer.status !== 200) throw new FeedRefusedError(answer.status, codeIn(await answer.text()));
  const type = answer.headers.get('content-type') ?? '';
  if (!/^text\/event-stream\b/i.test(type) || answer.body === null)
    throw new FeedRefusedError(answer.status, `with ${type || 'no content type'}`);
  return answer.body as AsyncIterable<Uint8Array>;
}

/** Whether the status is the server's last word: others come from a server that is overloaded, or from its proxy. */
function isFinal(status: number): boolean {
  return status < 500 && status !== 408 && status !== 429;
}

/** The error code in an answer of the server's, for whoever reads the message; empty when there is none. */
function codeIn(body: string): string {
  return /"code":"([a-z-]{1,64})"/.exec(body)?.[1] ?? '';
}
