import type { AddressInfo, Socket } from 'node:net';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import type { DeliveredMail } from './mail-sink.ts';

/**
 * What happens to mail for an address: it is refused by the recipient's name or by what it says, for now or for good; the
 * server says nothing after it has all of it; or it takes it and drops the connection before it has said so; or it
 * waits, until mail to the address is treated otherwise.
 */
export type Rudeness =
  | 'refuses recipient'
  | 'refuses for good'
  | 'refuses for now'
  | 'hangs'
  | 'drops'
  | 'is slow';

/** A real SMTP server that misbehaves as it is told. */
export interface RudeMailServer {
  readonly url: string;
  /** What it took, also where it did not say so. */
  readonly taken: readonly DeliveredMail[];
  /** How often it was offered mail to an address. */
  offered(address: string): number;
  /** From now on mail to an address fares like this; null for well. */
  treat(address: string, rudeness: Rudeness | null): void;
  /** Waits until it has taken that many mails to an address. */
  until(address: string, count?: number): Promise<readonly DeliveredMail[]>;
  stop(): Promise<void>;
}

const WAIT_MILLISECONDS = 20_000;

/** Starts one. */
export async function startRudeMailServer(): Promise<RudeMailServer> {
  const taken: DeliveredMail[] = [];
  const offers: string[] = [];
  const treatment = new Map<string, Rudeness>();
  const sockets = new Map<number | undefined, Socket>();
  const refusal = (responseCode: number) => Object.assign(new Error('refused by the test'), { responseCode });

  const server = new SMTPServer({
    authOptional: true,
    onRcptTo({ address }, _session, done) {
      offers.push(address);
      done(treatment.get(address) === 'refuses recipient' ? refusal(550) : null);
    },
    onData(stream, session, done) {
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      const [rudeness] = recipients.flatMap((address) => treatment.get(address) ?? []);
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', async () => {
        if (rudeness === 'refuses for good') return done(refusal(550));
        if (rudeness === 'refuses for now') return done(refusal(451));
        if (rudeness === 'hangs') return;
        while (recipients.some((address) => treatment.get(address) === 'is slow'))
          await new Promise((resolve) => setTimeout(resolve, 10));
        taken.push({ ...(await PostalMime.parse(Buffer.concat(pieces))), recipients });
        if (rudeness === 'drops') sockets.get(session.remotePort)?.destroy();
        else done();
      });
    },
  });
  server.on('error', () => undefined);
  server.server.on('connection', (socket: Socket) => sockets.set(socket.remotePort, socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const to = (address: string) => taken.filter(({ recipients }) => recipients.includes(address));

  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    taken,
    offered: (address) => offers.filter((each) => each === address).length,
    treat(address, rudeness) {
      if (rudeness === null) treatment.delete(address);
      else treatment.set(address, rudeness);
    },
    async until(address, count = 1) {
      for (let waited = 0; waited < WAIT_MILLISECONDS; waited += 10) {
        if (to(address).length >= count) return to(address);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error(`${to(address).length} mails for ${address}, not ${count}`);
    },
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets.values()) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
