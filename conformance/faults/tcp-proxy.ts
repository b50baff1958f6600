import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** How bytes fare on their way. */
export type Passage =
  /** They get through. */
  | { readonly kind: 'open' }
  /** They get through that much later, in both directions together. */
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** Connections are taken and stay open, and nothing that is sent arrives: a black hole. */
  | { readonly kind: 'swallows' };

/** A TCP proxy in front of something, which does to connections what networks do. */
export interface TcpProxy {
  readonly port: number;
  /** From now on bytes fare like this, those of connections that there are too. */
  set(passage: Passage): void;
  /** New connections go to that port from now on; those that there are are cut. */
  switchTo(port: number): void;
  /**
   * The next time that a client sends such bytes they get through, and then the connection is cut: the answer is lost, and
   * the client does not know whether it was done. Resolves when that has happened.
   */
  loseAnswerTo(bytes: string): Promise<void>;
  stop(): Promise<void>;
}

/** How long after the bytes that an answer is lost to the connection is cut. */
const CUT_MILLISECONDS = 150;

/** @param target the port that connections go to */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let passage: Passage = { kind: 'open' };
  let port = target;
  let trap: { bytes: string; sprung: () => void } | undefined;
  const cutAll = () => {
    for (const socket of open) socket.destroy();
  };

  /** Carries bytes one way, in their order. */
  const carry = (from: Socket, to: Socket, isLost: () => boolean, seen: (piece: Buffer) => void) => {
    let last = Promise.resolve();
    from.on('data', (piece: Buffer) => {
      if (passage.kind === 'swallows' || isLost()) return;
      const wait = passage.kind === 'slow' ? passage.milliseconds / 2 : 0;
      const due = performance.now() + wait;
      last = last.then(async () => {
        const left = due - performance.now();
        if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
        if (to.writable) to.write(piece);
        seen(piece);
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
    let answersAreLost = false;
    carry(
      client,
      upstream,
      () => false,
      (piece) => {
        if (trap === undefined || !piece.includes(trap.bytes)) return;
        const { sprung } = trap;
        trap = undefined;
        answersAreLost = true;
        setTimeout(() => {
          client.destroy();
          sprung();
        }, CUT_MILLISECONDS);
      },
    );
    carry(
      upstream,
      client,
      () => answersAreLost,
      () => undefined,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    set(wanted) {
      passage = wanted;
    },
    switchTo(wanted) {
      port = wanted;
      cutAll();
    },
    loseAnswerTo: (bytes) =>
      new Promise((resolve) => {
        trap = { bytes, sprung: resolve };
      }),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      cutAll();
      await closed;
    },
  };
}

/** The same address with another port. */
export function throughPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
