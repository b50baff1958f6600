import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that loses connections. */
export interface CuttingProxy {
  readonly url: string;
  /** Cuts the connections that there are. */
  cut(): void;
  /** Cuts them, and every new one too, until `mend`. */
  break(): void;
  /** Keeps connections open and lets nothing through, until `mend`; what is held back is lost. */
  stall(): void;
  mend(): void;
  /** How many connections there were. */
  readonly connections: number;
  stop(): Promise<void>;
}

/** @param target where connections go; asked for each, since a server may come back elsewhere */
export async function startCuttingProxy(target: () => string): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let state: 'whole' | 'broken' | 'stalled' = 'whole';
  let connections = 0;
  const server = createServer((client) => {
    if (state === 'broken') {
      client.destroy();
      return;
    }
    connections += 1;
    const { hostname, port } = new URL(target());
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on('data', (piece) => state !== 'stalled' && to.write(piece));
      from.on('error', () => undefined);
      from.once('close', () => {
        open.delete(from);
        if (state === 'stalled') return;
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    break() {
      state = 'broken';
      cut();
    },
    stall() {
      state = 'stalled';
    },
    mend() {
      // What has been stalled lacks bytes in the middle.
      if (state === 'stalled') cut();
      state = 'whole';
    },
    get connections() {
      return connections;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      state = 'whole';
      cut();
      await closed;
    },
  };
}
