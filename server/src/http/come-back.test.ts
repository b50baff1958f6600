import { describe, expect, inject, test } from 'vitest';
import { startTcpProxy, throughPort } from '../../../conformance/faults/tcp-proxy.ts';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { runRawSql } from '../../testing/raw-sql.ts';
import { headersOf, ROUTES, routesServed } from '../../testing/routes.ts';

/** What is answered without the store: keys, descriptions, the process's own health, and what is sealed and not stored. */
const WITHOUT_STORE = [
  'GET /.well-known/jwks.json',
  'GET /api/v1/auth/get-challenge',
  'GET /docs',
  'GET /livez',
  'GET /metrics',
  'GET /openapi.json',
  'POST /v1/passkeys/sign-in-options',
];

/** Where the token of nobody, which is sent here, is known as such by its form. */
const BY_ITS_FORM = [
  'POST /accounts/resend-code',
  'POST /api/v1/auths/refresh',
  'POST /auth/refresh',
  'POST /auth/refresh-token',
  'POST /identity/refresh-token',
  'POST /v1/refresh',
];

/** Somebody who is signed in at a server. */
async function tokenAt(app: TestApp): Promise<string> {
  const { email, password } = await app.person();
  return (await app.post('/v1/sign-in', { identifier: email, password })).body.accessToken;
}

/** What a route answers to a request of the right form, by somebody who is signed in where that is asked for. */
function ask(app: TestApp, name: string, token: string): Promise<Answer> {
  const route = ROUTES.find((each) => each.name === name);
  const authorization = `Bearer ${token}`;
  const [method = '', path = ''] = name.split(' ');
  if (route === undefined) return app.request(method, path, { headers: { authorization } });
  const headers = {
    ...headersOf(route),
    ...(route.endpoint.describe.bearer === true ? { authorization } : {}),
    ...(route.hasBody ? { 'content-type': 'application/json' } : {}),
  };
  const body = route.hasBody ? { body: JSON.stringify(route.shapes[0]?.body ?? {}) } : {};
  return app.request(route.method, route.path, { headers, ...body });
}

function expectTold(name: string, { status, headers }: Answer): void {
  const told = headers.get('retry-after');
  if (status === 429 || status === 503) expect(told ?? '', `${name}: ${status}`).toMatch(/^[1-9]\d*$/);
  else expect(told, `${name}: ${status}`).toBeNull();
}

/** The routes that answer so. */
async function thoseThatAnswer(app: TestApp, status: number, token: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of routesServed(app)) {
    const answer = await ask(app, name, token);
    expectTold(name, answer);
    if (answer.status === status) found.push(name);
  }
  return found;
}

// Made from the routes that the server has: one that is added is held to it by itself.
describe('whoever is turned away is told when to come back', () => {
  test('at every route while its address must wait, and not where something fails inside', async () => {
    const app = await startApp('sqlite', {
      LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":1,"seconds":3600}',
      LATCHKEY_SIGN_UP_ENABLED: 'true',
    });
    const token = await tokenAt(app);
    await app.post('/v1/sign-in', { identifier: 'nobody@example.com', password: 'of nobody' });
    const waiting = await thoseThatAnswer(app, 429, token);
    expect(waiting).toEqual(expect.arrayContaining(['POST /v1/sign-in', 'POST /v1/challenges/verify']));
    expect(waiting.length).toBeGreaterThan(20);
    await runRawSql(app.core.config.store.url, 'ALTER TABLE sessions RENAME TO sessions_that_were');
    expect(await thoseThatAnswer(app, 500, token)).toContain('GET /v1/session');
    await app.stop();
  });

  test('at every route while the store is away, and the server is about to stop', async () => {
    const url = await createDatabase(inject('postgresUrl'));
    const proxy = await startTcpProxy(Number(new URL(url).port));
    const app = await startApp('postgres', {
      LATCHKEY_STORE_URL: throughPort(url, proxy.port),
      LATCHKEY_SIGN_UP_ENABLED: 'true',
    });
    const token = await tokenAt(app);
    await proxy.stop();
    const turnedAway = await thoseThatAnswer(app, 503, token);
    const others = routesServed(app).filter((name) => !turnedAway.includes(name));
    expect(others.toSorted()).toEqual([...WITHOUT_STORE, ...BY_ITS_FORM].toSorted());
    app.app.drain();
    const answer = await ask(app, 'GET /readyz', token);
    expect([answer.status, answer.body.notReady]).toEqual([503, expect.arrayContaining(['draining'])]);
    expectTold('GET /readyz', answer);
    await app.stop();
  });
});
