import { connect } from 'node:net';

/** What came back over a socket. */
export interface RawAnswer {
  /** The status of the first answer; 0 when there was none. */
  readonly status: number;
  readonly head: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
  readonly text: string;
}

const SILENCE_MILLISECONDS = 5000;

/** Sends bytes as they are, for requests that no client library would make, and reads until the server hangs up. */
export function rawRequest(url: string, bytes: string | Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const pieces: Buffer[] = [];
    const answer = () => readAnswer(Buffer.concat(pieces).toString());
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('close', () => resolve(answer()));
    socket.on('error', (error) => (pieces.length === 0 ? reject(error) : resolve(answer())));
    socket.setTimeout(SILENCE_MILLISECONDS, () => socket.destroy());
  });
}

/**
 * A request with these header lines and no others but a length, after which the server hangs up. They are written in
 * Latin-1, as header bytes are.
 */
export function rawSend(
  url: string,
  name: string,
  headerLines: readonly string[],
  body: string | Buffer = '',
): Promise<RawAnswer> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const lines = [
    `${name} HTTP/1.1`,
    ...(headerLines.some((line) => /^host:/i.test(line)) ? [] : ['Host: x']),
    'Connection: close',
    ...headerLines,
    ...(bytes.length === 0 ? [] : [`Content-Length: ${bytes.length}`]),
    '',
    '',
  ];
  return rawRequest(url, Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), bytes]));
}

/** An answer in the bytes that came back, where the server has sent one and hung up. */
export function readAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const body = text.slice(end + 4);
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0),
    head: text.slice(0, end),
    body: asJson(body),
    text,
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
