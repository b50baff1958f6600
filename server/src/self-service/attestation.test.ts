import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import { ATTESTED_DEVICE } from '../../testing/attested-device.ts';
import { keptLog } from '../../testing/ports.ts';
import { systemClock, systemRandom } from '../ports.ts';
import { createAttestation } from './attestation.ts';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

describe('who vouches for devices', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  const ask = (url: string) => {
    const log = keptLog();
    const ports = { clock: systemClock, random: systemRandom, log };
    return createAttestation({ url, secret: SECRET }, ports, 200).isGenuine(ATTESTED_DEVICE, 'a-request');
  };
  const answering = (status: number, body: string) =>
    serve((_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body));

  test('is asked everything but the password, signed with the shared secret', async () => {
    let asked: unknown = null;
    const url = await serve((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const headers = request.headers as Record<string, string>;
        asked = new Webhook(SECRET).verify(Buffer.concat(pieces).toString(), headers);
        response.end('{"ok":true}');
      });
    });
    expect(await ask(url)).toBe(true);
    const { password: _, ...shown } = ATTESTED_DEVICE;
    expect(asked).toEqual(shown);
  });

  test.each([
    [200, '{"ok":false}'],
    [200, '{"ok":"true"}'],
    [200, '{"ok":1}'],
    [200, '{}'],
    [200, 'null'],
    [200, '[true]'],
    [200, 'ok'],
    [200, ''],
    [403, '{"ok":true}'],
    [500, '{"ok":true}'],
  ])('%i %s vouches for nobody', async (status, body) => {
    expect(await ask(await answering(status, body))).toBe(false);
  });

  test('neither does one that sends elsewhere, hangs, or is not there', async () => {
    const good = await answering(200, '{"ok":true}');
    expect(await ask(good)).toBe(true);
    expect(await ask(await serve((_, response) => response.writeHead(307, { location: good }).end()))).toBe(
      false,
    );
    expect(await ask(await serve(() => undefined))).toBe(false);
    expect(await ask(await serve((_, response) => response.writeHead(200).write('{"ok":')))).toBe(false);
    expect(await ask('http://127.0.0.1:9/')).toBe(false);
  });
});
