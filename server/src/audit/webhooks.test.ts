import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { secretHash } from '../crypto/vault.ts';
import { recordAudit } from '../store/audit.ts';
import { stateCutOff } from '../store/cut-off.ts';
import { extendChain } from './chain.ts';
import { type AuditEventName, auditEvent } from './event.ts';
import { Webhooks } from './webhooks.ts';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

interface Told {
  readonly path: string;
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

describe.each(ENGINES)('webhooks on %s', (engine) => {
  let core: TestCore;
  let server: Server;
  let told: Told[];
  let status: number;
  let isClockRight: boolean;
  /** What the endpoint does before it answers. */
  let work: (event: Told) => Promise<unknown> | undefined;
  let running: Webhooks[];
  let opened: Set<string>;
  beforeEach(async () => {
    core = await openTestCore(engine);
    [told, status, running, opened, isClockRight] = [[], 200, [], new Set(), true];
    work = () => undefined;
    server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', async () => {
        if (status === 200) {
          const body = Buffer.concat(pieces).toString();
          // Throws for a signature or a time that is not right, and the test runner hears of it.
          const payload = (
            isClockRight
              ? new Webhook(SECRET).verify(body, request.headers as Record<string, string>)
              : JSON.parse(body)
          ) as Told;
          const event = { ...payload, path: request.url ?? '', id: String(request.headers['webhook-id']) };
          told.push(event);
          await work(event);
        }
        response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await Promise.all(running.map((each) => each.stop()));
    await new Promise((resolve) => server.close(resolve));
    await core.close();
  });

  const open = (events = ['*'], paths = ['/hook']) => {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const endpoints = paths.map((path) => ({ url: `${origin}${path}`, secret: SECRET, events }));
    const webhooks = new Webhooks({ ...core, endpoints });
    running.push(webhooks);
    for (const { url } of endpoints) opened.add(url);
    return webhooks;
  };
  const write = async (...events: AuditEventName[]) => {
    for (const event of events)
      await core.store.commit([recordAudit(auditEvent({ at: core.clock.now(), event, accountId: 'a' }))]);
    await extendChain(core.store, core.vault, core.log);
  };
  const until = async (condition: () => boolean, what: string) => {
    for (let waited = 0; waited < 10_000; waited += 10) {
      if (condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited for ${what}: ${JSON.stringify(told)} ${JSON.stringify(core.log.lines)}`);
  };
  /** A new endpoint is told from then on: so it must have been looked at once. */
  const begun = async () => {
    for (const url of opened)
      await expect
        .poll(() => core.store.facts.value(`webhook ${secretHash(url)}`), { timeout: 10_000 })
        .toContain('"leasedUntil":0');
  };
  /** For what must not come. */
  const moment = () => new Promise((resolve) => setTimeout(resolve, 300));

  test('tells what is written from then on, in order, signed, and only what is asked for', async () => {
    await write('account.created');
    open(['sign-in.*', 'account.disabled']);
    await begun();
    await write('sign-in.completed', 'account.created', 'account.disabled', 'sign-in.refused');
    await until(() => told.length === 3, 'three events');
    expect(told.map(({ type }) => type)).toEqual([
      'sign-in.completed',
      'account.disabled',
      'sign-in.refused',
    ]);
    expect(told[0]).toMatchObject({ id: 'audit_2', data: { accountId: 'a', link: 2 } });
  });

  test('tries again what was not taken, and loses nothing over a stop', async () => {
    const first = open();
    await begun();
    status = 500;
    await write('account.created', 'account.enabled');
    await until(
      () => core.log.lines.some(({ message }) => message === 'a webhook was not taken'),
      'a failure',
    );
    await first.stop();
    status = 200;
    core.clock.advance(2);
    open();
    await until(() => told.length === 2, 'both events');
    expect(told.map(({ id }) => id)).toEqual(['audit_1', 'audit_2']);
  });

  test('RL-15: has other ids after a cut-off: a restored log has places again that were told of', async () => {
    open();
    await begun();
    await core.store.commit([stateCutOff(1_000_000)]);
    await write('account.created');
    await until(() => told.length === 1, 'an event');
    expect(told[0]).toMatchObject({ id: 'audit_1000001', data: { link: 1 } });
  });

  test('does not follow where it is sent on', async () => {
    open();
    await begun();
    status = 302;
    await write('account.created');
    await until(
      () => core.log.lines.some(({ message }) => message === 'a webhook was not taken'),
      'a failure',
    );
    expect(told).toEqual([]);
  });

  test('gives an event up after a day, says so, and goes on with the next', async () => {
    open();
    await begun();
    status = 503;
    await write('account.created');
    await until(
      () => core.log.lines.some(({ message }) => message === 'a webhook was not taken'),
      'a failure',
    );
    core.clock.advance(25 * 3600);
    isClockRight = false;
    await until(() => core.log.lines.some(({ level }) => level === 'error'), 'giving up');
    status = 200;
    await write('account.enabled');
    await until(() => told.some(({ type }) => type === 'account.enabled'), 'the next event');
    expect(told.map(({ type }) => type)).not.toContain('account.created');
    const events = await core.store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 9 });
    expect(events.map(({ event }) => event)).toContain('webhook.given-up');
  });

  test('of several servers, one tells each event', async () => {
    for (let each = 0; each < 4; each += 1) open();
    await begun();
    await write(...Array.from({ length: 40 }, () => 'account.created' as const));
    await until(() => told.length >= 40, 'all events');
    await moment();
    expect(told).toHaveLength(40);
    expect(new Set(told.map(({ id }) => id)).size).toBe(40);
  });

  test('are told by one server also where telling all takes longer than it has the endpoint to itself', async () => {
    for (let each = 0; each < 2; each += 1) open();
    await begun();
    // Two seconds for each by the clock, of which this test waits for a part.
    isClockRight = false;
    work = async () => {
      core.clock.advance(2);
      await new Promise((resolve) => setTimeout(resolve, 60));
    };
    await write(...Array.from({ length: 40 }, () => 'account.created' as const));
    await until(() => new Set(told.map(({ id }) => id)).size === 40, 'all events');
    await moment();
    expect(told.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, index) => `audit_${index + 1}`));
  });

  test('are told no further by a server from which another has taken over', async () => {
    const held = Promise.withResolvers<void>();
    const first = open();
    await begun();
    work = () => (told.length === 1 ? held.promise : undefined);
    await write('account.created', 'account.enabled', 'account.disabled');
    await until(() => told.length === 1, 'the first event');
    core.clock.advance(31);
    open();
    await until(() => told.length === 4, 'all events, by the other server');
    held.resolve();
    await moment();
    await first.stop();
    expect(told.map(({ id }) => id)).toEqual(['audit_1', 'audit_1', 'audit_2', 'audit_3']);
  });

  test('are told to one endpoint while another never comes to an end', async () => {
    open(['*'], ['/late', '/hook']);
    await begun();
    const heard = () => told.filter(({ path }) => path === '/hook').length;
    // Whenever it has nearly caught up there is something new.
    work = async ({ path }) => {
      if (path === '/late' && heard() < 5) await write('account.enabled');
    };
    await write('account.created');
    await until(() => heard() >= 5, 'five events at the other endpoint');
    const ids = told.filter(({ path }) => path === '/hook').map(({ id }) => id);
    expect(ids.slice(0, 5)).toEqual(['audit_1', 'audit_2', 'audit_3', 'audit_4', 'audit_5']);
  });

  test('that are on their way when a server stops are cut off, and count as not tried', async () => {
    const answer = Promise.withResolvers<void>();
    const first = open(['*'], ['/silent', '/hook']);
    await begun();
    work = ({ path }) => (path === '/silent' ? answer.promise : undefined);
    await write('account.created');
    await until(() => told.length === 2, 'both endpoints');
    await first.stop();
    expect(core.log.lines).toEqual([]);
    work = () => undefined;
    open(['*'], ['/silent', '/hook']);
    await until(() => told.length === 3, 'the one that had not answered');
    expect(told[2]).toMatchObject({ path: '/silent', id: 'audit_1' });
    answer.resolve();
  });

  test('write nothing while there is nothing to tell', async () => {
    await write('account.created');
    open();
    await begun();
    let commits = 0;
    core.store.watch((operation) => {
      if (operation === 'commit') commits += 1;
    });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(commits).toBe(0);
    await write('account.enabled');
    await until(() => told.length === 1, 'what comes then');
    expect(commits).toBeGreaterThan(0);
  });
});
