import type { AddressInfo, Socket } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

/** A mail that was delivered. */
export interface DeliveredMail extends Email {
  /** The addresses of the envelope: where it really went. */
  readonly recipients: readonly string[];
}

/** A real SMTP server that takes mail and keeps it. */
export interface MailSink {
  readonly url: string;
  readonly delivered: readonly DeliveredMail[];
  /** The next mail to an address that was not taken yet; waits for it. */
  next(address: string): Promise<DeliveredMail>;
  /** The six digits in the next mail to an address that has any: notices may come between. */
  code(address: string): Promise<string>;
  /** From now on every mail is refused with this SMTP code; null takes mail again. */
  refuseWith(code: number | null): void;
  /** From now on every mail is held before it is taken, until the given function is called. */
  hold(): () => void;
  /** Takes the next mail, and instead of saying so hangs up, or says nothing until `hangUp`. */
  missNext(how: 'hang-up' | 'silence'): void;
  /** Ends every connection. */
  hangUp(): void;
  stop(): Promise<void>;
}

const WAIT_MILLISECONDS = 10_000;

/** Starts an SMTP server. @param port a free one where none is given */
export async function startMailSink(port = 0): Promise<MailSink> {
  const delivered: DeliveredMail[] = [];
  const untaken: DeliveredMail[] = [];
  let refusal: number | null = null;
  let held = Promise.resolve();
  let miss: 'hang-up' | 'silence' | null = null;

  const sockets = new Set<Socket>();
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = new SMTPServer({
    authOptional: true,
    onData(stream, session, done) {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        if (refusal !== null)
          return done(Object.assign(new Error('refused by the test'), { responseCode: refusal }));
        const recipients = session.envelope.rcptTo.map((recipient) => recipient.address);
        held
          .then(() => PostalMime.parse(Buffer.concat(pieces)))
          .then((email) => {
            const mail = { ...email, recipients };
            delivered.push(mail);
            untaken.push(mail);
            const missed = miss;
            miss = null;
            if (missed === null) done();
            if (missed === 'hang-up') hangUp();
          }, done);
      });
    },
  });
  server.on('error', () => undefined);
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.server.address() as AddressInfo).port;

  async function next(
    address: string,
    isWanted: (mail: DeliveredMail) => boolean = () => true,
  ): Promise<DeliveredMail> {
    const deadline = Date.now() + WAIT_MILLISECONDS;
    while (Date.now() < deadline) {
      const at = untaken.findIndex((mail) => mail.recipients.includes(address) && isWanted(mail));
      const [mail] = at < 0 ? [] : untaken.splice(at, 1);
      if (mail) return mail;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no mail for ${address} in ${WAIT_MILLISECONDS} ms`);
  }

  return {
    url: `smtp://127.0.0.1:${bound}`,
    delivered,
    next: (address) => next(address),
    async code(address) {
      const digitsIn = (mail: DeliveredMail) => /\b\d{6}\b/.exec(mail.text ?? '')?.[0];
      return digitsIn(await next(address, (mail) => digitsIn(mail) !== undefined)) ?? '';
    },
    refuseWith: (code) => {
      refusal = code;
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    missNext: (how) => {
      miss = how;
    },
    hangUp,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
