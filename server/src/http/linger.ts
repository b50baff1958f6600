import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** How much of what is still coming is taken, and how long nothing may come, before the connection is closed. */
const MOST_BYTES = 4 * 1024 * 1024;
const SILENCE_MILLISECONDS = 500;

/**
 * An answer to a request that is not read to its end. It goes out at once, and what the client is still sending is dropped
 * for a while: one that writes everything before it reads would find its connection reset, and never see the answer
 * (RFC 9112 §9.6).
 */
export function lingering(answer: Buffer, request: IncomingMessage): Readable {
  return Readable.from(answerThenDrop(answer, request), { objectMode: false });
}

async function* answerThenDrop(answer: Buffer, request: IncomingMessage): AsyncGenerator<Buffer> {
  yield answer;
  await dropRest(request);
}

function dropRest(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    const stop = (): void => {
      clearTimeout(timer);
      request.off('data', drop).off('end', stop).off('close', stop);
      resolve();
    };
    const drop = (piece: Buffer): void => {
      bytes += piece.length;
      if (bytes > MOST_BYTES) stop();
      else timer.refresh();
    };
    const timer = setTimeout(stop, SILENCE_MILLISECONDS);
    request.on('data', drop).on('end', stop).on('close', stop).resume();
  });
}
