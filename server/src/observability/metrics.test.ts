import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { freePort } from '../../testing/postgres.ts';
import { secretHash } from '../crypto/vault.ts';
import { forgetFact } from '../store/facts.ts';

describe.each(ENGINES)('metrics on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '2' });
  });
  afterAll(() => app.stop());

  const read = async () => app.request('GET', '/metrics');
  const value = async (line: string): Promise<number> => {
    const found = (await read()).text.split('\n').find((each) => each.startsWith(`${line} `));
    return Number(found?.split(' ').at(-1) ?? 0);
  };

  test('count sign-ins by mount and outcome', async () => {
    const person = await app.person();
    const wrong = { username: person.email, password: 'a wrong password' };
    expect(await value('latchkey_sign_ins_total{mount="login",outcome="signed-in"}')).toBe(0);
    await app.post('/auth/login', { username: person.email, password: person.password });
    for (let each = 0; each < 3; each += 1) await app.post('/auth/login', wrong);
    expect(await value('latchkey_sign_ins_total{mount="login",outcome="signed-in"}')).toBe(1);
    expect(await value('latchkey_sign_ins_total{mount="login",outcome="refused: bad-credentials"}')).toBe(2);
    expect(await value('latchkey_sign_ins_total{mount="login",outcome="throttled"}')).toBe(1);
    expect(await value('latchkey_commands_total{mount="login",command="begin",outcome="throttled"}')).toBe(1);
  });

  test('count sign-ins with a passkey among them', async () => {
    const response = { clientDataJSON: 'AA', authenticatorData: 'AA', signature: 'AA' };
    const passkey = { id: 'AA', type: 'public-key', response };
    await app.post('/v1/passkeys/sign-in', { challenge_token: 'nothing', passkey });
    expect(await value('latchkey_sign_ins_total{mount="native",outcome="refused: ticket-invalid"}')).toBe(1);
  });

  test('tell of requests, hashes, the store, the outbox and the event loop', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    await app.post('/auth/login', { username: person.email, password: person.password });
    await app.mail.next(person.email);
    const { text } = await read();
    for (const name of [
      'latchkey_info{version=',
      'latchkey_request_seconds_count{route="/auth/login",method="POST",status="4xx"}',
      'latchkey_hash_wait_seconds_count',
      'latchkey_hash_seconds_count',
      'latchkey_hash_queue 0',
      'latchkey_store_seconds_count{operation="commit"}',
      'latchkey_outbox{state="waiting"} ',
      'latchkey_outbox{state="dead"} 0',
      'latchkey_messages_withheld 0',
      'nodejs_eventloop_lag_p99_seconds',
      'process_resident_memory_bytes',
    ])
      expect(text, name).toContain(name);
    expect(text.includes('latchkey_store_seconds_count{operation="read"}')).toBe(engine === 'postgres');
  });

  test('tell how long an event of the audit log has waited for its place', async () => {
    const name = 'latchkey_audit_unsealed_seconds';
    await expect.poll(async () => (await read()).text, { timeout: 10_000 }).toContain(`${name} 0`);
    // What nobody can give a place: the end of the chain is gone.
    await app.core.store.commit([forgetFact('audit-head')]);
    const person = await app.person();
    await app.post('/auth/login', { username: person.email, password: person.password });
    app.core.clock.advance(600);
    expect(await value(name)).toBeGreaterThanOrEqual(600);
  });

  test('tell how often passwords were looked up among breached ones, and how often in vain', async () => {
    const asking = await startApp(engine, {
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_PASSWORDS_BREACH_CHECK_URL: `http://127.0.0.1:${await freePort()}/range`,
    });
    for (const each of [1, 2]) {
      const body = { email: `new${each}@example.com`, password: 'a bittern in the reeds' };
      expect((await asking.post('/v1/sign-up', body)).status).toBe(202);
    }
    const { text } = await asking.request('GET', '/metrics');
    expect(text).toContain('latchkey_breach_checks{outcome="asked"} 2');
    expect(text).toContain('latchkey_breach_checks{outcome="failed"} 2');
    expect(text).toContain('latchkey_breach_checks{outcome="remembered"} 0');
    // Where nobody is asked there is nothing to tell.
    expect((await read()).text).not.toContain('latchkey_breach_checks{');
    await asking.stop();
  });

  test('tell how far behind each webhook is, by its place and host', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/canary?key=canary`;
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const deaf = { url: `${url}&of=another`, secret, events: ['nothing'] };
    const telling = await startApp(engine, { LATCHKEY_WEBHOOKS: JSON.stringify([deaf, { url, secret }]) });
    const lagOf = async (index: number): Promise<number> => {
      const { text } = await telling.request('GET', '/metrics');
      expect(text).not.toContain('canary');
      const line = `latchkey_webhook_lag_seconds{index="${index}",host="127.0.0.1:${port}"} `;
      return Number(
        text
          .split('\n')
          .find((each) => each.startsWith(line))
          ?.slice(line.length),
      );
    };
    await expect.poll(() => telling.core.store.facts.value(`webhook ${secretHash(url)}`)).not.toBeNull();
    expect([await lagOf(0), await lagOf(1)]).toEqual([0, 0]);

    await telling.post('/auth/login', { username: 'nobody@example.com', password: 'a wrong password' });
    telling.core.clock.advance(900);
    await expect.poll(() => lagOf(0), { timeout: 15_000 }).toBe(0);
    expect(await lagOf(1)).toBeGreaterThanOrEqual(900);
    expect(await lagOf(1)).toBeLessThan(1800);

    const endpoint = createServer((request, response) => {
      request.resume();
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => endpoint.listen(port, '127.0.0.1', resolve));
    telling.core.clock.advance(60);
    await expect.poll(() => lagOf(1), { timeout: 15_000 }).toBe(0);
    await telling.stop();
    endpoint.close();
    // Where nobody is told there is nothing to tell.
    expect((await read()).text).not.toContain('latchkey_webhook_lag_seconds{');
  });

  test('name routes as they are declared, and nothing that a client sent', async () => {
    await app.request('GET', '/nothing/canary-in-a-path?canary=query', {
      headers: { authorization: 'Bearer canary-in-a-header', 'user-agent': 'canary agent' },
    });
    await app.request('DELETE', '/v1/sessions/canary-in-a-segment');
    const { text } = await read();
    expect(text).toContain('latchkey_request_seconds_count{route="none",method="GET",status="4xx"}');
    expect(text).toContain('route="/v1/sessions/:id"');
    expect(text).not.toContain('canary');
  });
});
