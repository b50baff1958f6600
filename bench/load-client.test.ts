import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { load } from './load.ts';

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const WORK_MILLISECONDS = 50;

/** Takes the processor for a while. */
function work(): void {
  const begun = process.cpuUsage();
  const used = () => {
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  };
  while (used() < WORK_MILLISECONDS);
}

test('who is cut off is counted, and asks for the same again', async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (piece: string) => asked.push(piece));
    request.once('end', () => {
      if (asked.length === 1) request.socket.destroy();
      else response.end('{}');
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const order = { url, scenario: 'proof', connections: 1, seconds: 60, data: ['"ann"', '"bob"'] } as const;
  expect((await load({ ...order, warmUpMilliseconds: 0 })).statuses).toEqual({ cut: 1, 200: 2 });
  expect(asked).toEqual(['"ann"', '"ann"', '"bob"']);
});

/** A server that tells everybody to come back in a second, so many times, before it serves. @returns its address and what it was asked */
async function busyServer(times: number): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      body += piece;
    });
    request.once('end', () => {
      asked.push(body);
      work();
      const isBusy = asked.length % (times + 1) !== 0;
      response.writeHead(isBusy ? 503 : 200, isBusy ? { 'retry-after': '1' } : {}).end('{}');
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test('who was told to come back waits from the first try on, asks for the same again, and costs what all tries cost', async () => {
  const { url, asked } = await busyServer(2);
  // Each of them is asked for once, and then there is nothing left to ask.
  const data = ['"ann"', '"bob"'];
  const order = { url, scenario: 'proof', connections: 1, seconds: 60, data } as const;
  const summary = await load({ ...order, warmUpMilliseconds: 0, servers: [process.pid] });
  expect(asked).toEqual(['"ann"', '"ann"', '"ann"', '"bob"', '"bob"', '"bob"']);
  expect(summary.statuses).toEqual({ 200: 2, 503: 4 });
  expect(summary.p50Milliseconds - summary.firstAnswerP50Milliseconds).toBeGreaterThan(1900);
  expect(summary.p99Milliseconds - summary.firstAnswerP99Milliseconds).toBeGreaterThan(1900);
  expect(summary.serverCpuMilliseconds).toBeGreaterThan(2 * WORK_MILLISECONDS);
});
