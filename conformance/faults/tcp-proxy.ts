import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** How bytes fare on their way. */
export type Passage =
  /** They get through. */
  | { readonly kind: 'open' }
  /** They get through that much later, in both directions together. */
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** Connections are taken and stay open, and nothing that is sent arrives: a black hole. */
  | { readonly kind: 'swallows' };

/** What is lost: a client does not know which of the two it was. */
export interface Loss {
  /** A request that is cut off before it gets through, or one that gets through and is cut off before it is answered. */
  readonly what: 'request' | 'answer';
  /** What a client sends in it. */
  readonly bytes: string;
  /** What must have been sent over the same connection before. */
  readonly behind?: string;
}

/** A TCP proxy in front of something, which does to connections what networks do. */
export interface TcpProxy {
  readonly port: number;
  /** From now on bytes fare like this, those of connections that there are too. */
  set(passage: Passage): void;
  /** New connections go to that port from now on; those that there are are cut. */
  switchTo(port: number): void;
  /** Cuts the connections that there are. */
  cut(): void;
  /** Loses something once. Resolves when that has happened. */
  lose(loss: Loss): Promise<void>;
  stop(): Promise<void>;
}

/** How long after the bytes that an answer is lost to the connection is cut. */
const CUT_MILLISECONDS = 150;

/** @param target the port that connections go to */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let passage: Passage = { kind: 'open' };
  let port = target;
  let trap: Trap | undefined;
  const cut = () => {
    for (const socket of open) socket.destroy();
  };

  /** Carries bytes one way, in their order. @param mayPass is asked of each piece */
  const carry = (from: Socket, to: Socket, mayPass: (piece: Buffer) => boolean) => {
    let last = Promise.resolve();
    from.on('data', (piece: Buffer) => {
      if (passage.kind === 'swallows') return;
      const wait = passage.kind === 'slow' ? passage.milliseconds / 2 : 0;
      const due = performance.now() + wait;
      last = last.then(async () => {
        const left = due - performance.now();
        if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
        if (mayPass(piece) && to.writable) to.write(piece);
      });
    });
    from.on('error', () => undefined);
    from.once('close', () => {
      open.delete(from);
      to.destroy();
    });
    open.add(from);
  };

  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let said = '';
    let lost: Loss['what'] | undefined;
    carry(client, upstream, (piece) => {
      if (trap === undefined || lost !== undefined) return lost !== 'request';
      const { behind = '' } = trap;
      if (!said.includes(behind)) said += piece.toString('latin1');
      if (!piece.includes(trap.bytes) || !said.includes(behind)) return true;
      const { what, sprung } = trap;
      lost = what;
      trap = undefined;
      const end = () => {
        client.destroy();
        sprung();
      };
      setTimeout(end, what === 'answer' ? CUT_MILLISECONDS : 0);
      return what === 'answer';
    });
    carry(upstream, client, () => lost === undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    set(wanted) {
      passage = wanted;
    },
    switchTo(wanted) {
      port = wanted;
      cut();
    },
    cut,
    lose: (loss) =>
      new Promise((resolve) => {
        trap = { ...loss, sprung: resolve };
      }),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}

interface Trap extends Loss {
  readonly sprung: () => void;
}

/** The same address with another port. */
export function throughPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
