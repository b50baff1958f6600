import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import selfSigned from 'smtp-server/lib/tls-options.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ATTESTED_DEVICE } from '../testing/attested-device.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type KeptLog, keptLog } from '../testing/ports.ts';
import { freePort } from '../testing/postgres.ts';
import { extendChain } from './audit/chain.ts';
import { auditEvent } from './audit/event.ts';
import { Webhooks } from './audit/webhooks.ts';
import { secretHash } from './crypto/vault.ts';
import { createSmsTransport } from './delivery/sms-transport.ts';
import { createMailTransport } from './delivery/transport.ts';
import { createBreachRange } from './passwords/breach-range.ts';
import { systemClock, systemRandom } from './ports.ts';
import { createAttestation } from './self-service/attestation.ts';
import { recordAudit } from './store/audit.ts';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
/** One that nobody vouches for. */
const CERTIFICATE = selfSigned();

/** SHA-1 of `password`: a range service that answered would know it. */
const SHA1 = '5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8';

/** Each call that goes out over HTTP. @returns whether it was taken for a success */
type Call = (url: string, core: TestCore, log: KeptLog) => Promise<boolean>;

const CALLS: readonly (readonly [string, Call])[] = [
  [
    'text messages',
    (url, _core, log) =>
      createSmsTransport({ url, from: 'Latchkey', token: 'a token' })
        .send({ to: '+34600111222', text: 'a code' }, 'an id')
        .then(
          () => true,
          (error: Error) => {
            // As the outbox does.
            log.warn({ error: error.message }, 'a text message was not sent');
            return false;
          },
        ),
  ],
  [
    'attestation',
    (url, _core, log) =>
      createAttestation({ url, secret: SECRET }, { clock: systemClock, random: systemRandom, log }).isGenuine(
        ATTESTED_DEVICE,
        'a-request',
      ),
  ],
  ['breached passwords', (url, _core, log) => createBreachRange(url, systemClock, log).has(SHA1)],
  [
    'webhooks',
    async (url, core, log) => {
      const webhooks = new Webhooks({ ...core, log, endpoints: [{ url, secret: SECRET, events: ['*'] }] });
      // Endpoints are told of what comes after them.
      await expect.poll(() => core.store.facts.value(`webhook ${secretHash(url)}`)).not.toBeNull();
      const event = auditEvent({ at: core.clock.now(), event: 'session.ended', actor: 'system' });
      await core.store.commit([recordAudit(event)]);
      await extendChain(core.store, core.vault, log);
      const isTold = () => told.some(({ path }) => path === new URL(url).pathname);
      await expect.poll(() => isTold() || log.lines.length > 0, { timeout: 15_000 }).toBe(true);
      await webhooks.stop();
      return log.lines.length === 0;
    },
  ],
];

const told: { path: string }[] = [];

function answer(request: IncomingMessage, response: ServerResponse): void {
  told.push({ path: request.url ?? '' });
  request.resume();
  const range = `${SHA1.slice(5)}:7`;
  request.on('end', () => response.end(request.method === 'GET' ? range : '{"ok":true}'));
}

async function listening(server: Server, host = '127.0.0.1'): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return `${host}:${(server.address() as AddressInfo).port}`;
}

describe('SC-3: what goes out for', () => {
  let core: TestCore;
  let plain: Server;
  let unknown: Server;
  let elsewhere: Server;
  let [plainUrl, unknownUrl, elsewhereUrl] = ['', '', ''];
  let numbers = 0;
  beforeAll(async () => {
    core = await openTestCore('sqlite');
    plain = createServer(answer);
    unknown = createTlsServer(CERTIFICATE, answer);
    plainUrl = `http://${await listening(plain)}`;
    unknownUrl = `https://${await listening(unknown)}`;
    elsewhere = createServer((request, response) => {
      response.writeHead(307, { location: `${plainUrl}/followed${request.url}` }).end();
    });
    elsewhereUrl = `http://${await listening(elsewhere)}`;
  });
  afterAll(async () => {
    for (const server of [plain, unknown, elsewhere]) server.close();
    await core.close();
  });
  beforeEach(() => {
    told.length = 0;
    numbers += 1;
  });

  test.each(CALLS)('%s arrives where it is right', async (_what, call) => {
    expect(await call(`${plainUrl}/${numbers}`, core, keptLog())).toBe(true);
    expect(told).toHaveLength(1);
  });

  test.each(CALLS)('%s follows no redirect', async (_what, call) => {
    expect(await call(`${elsewhereUrl}/${numbers}`, core, keptLog())).toBe(false);
    expect(told).toEqual([]);
  });

  test.each(CALLS)('%s goes to nobody whose certificate is not vouched for', async (_what, call) => {
    expect(await call(`${unknownUrl}/${numbers}`, core, keptLog())).toBe(false);
    expect(told).toEqual([]);
    // Who does not look at it gets through.
    const answered = await new Promise<IncomingMessage>((resolve, reject) =>
      get(unknownUrl, { rejectUnauthorized: false }, resolve).on('error', reject),
    );
    answered.resume();
    expect(answered.statusCode).toBe(200);
  });

  test.each(CALLS)('%s has in the log why it failed, and never the address (LG-1)', async (_what, call) => {
    const port = await freePort();
    const paths = `/canary/${numbers}`;
    for (const [url, reason] of [
      [`http://canary:canary@127.0.0.1:${port}${paths}`, /TypeError/],
      [`http://127.0.0.1:${port}${paths}`, /ECONNREFUSED/],
      [`${elsewhereUrl}${paths}`, /redirect|307/],
      [`${unknownUrl}${paths}`, /certificate/],
    ] as const) {
      const log = keptLog();
      expect(await call(url, core, log), url).toBe(false);
      const said = JSON.stringify(log.lines);
      expect(said).toMatch(reason);
      expect(said).not.toContain('canary');
    }
  });

  test('attestation has nothing of the answer in the log (LG-1)', async () => {
    const chatty = createServer((request, response) => {
      request.resume().on('end', () => response.end('canary'));
    });
    const log = keptLog();
    const url = `http://${await listening(chatty)}`;
    const ports = { clock: systemClock, random: systemRandom, log };
    expect(
      await createAttestation({ url, secret: SECRET }, ports).isGenuine(ATTESTED_DEVICE, 'a-request'),
    ).toBe(false);
    chatty.close();
    expect(log.lines).toHaveLength(1);
    expect(JSON.stringify(log.lines)).not.toContain('canary');
  });

  test('mail goes to no other machine whose certificate is not vouched for', async () => {
    const taken: string[] = [];
    const server = new SMTPServer({
      secure: true,
      ...CERTIFICATE,
      authOptional: true,
      onMailFrom: ({ address }, _session, done) => {
        taken.push(address);
        done();
      },
    });
    server.on('error', () => undefined);
    // Not one of the names of this machine, though it is here.
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve));
    const { port } = server.server.address() as AddressInfo;
    const transport = createMailTransport(`smtps://127.0.0.2:${port}`, {
      name: 'Latchkey',
      address: 'noreply@example.com',
    });
    await expect(transport.check()).rejects.toThrow(/certificate/);
    transport.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(taken).toEqual([]);
  });
});
