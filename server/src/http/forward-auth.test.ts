import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { type Nginx, nginxMissing, startNginx } from '../../testing/nginx.ts';
import { rawRequest } from '../../testing/raw-request.ts';

const missing = nginxMissing();
if (missing !== null) process.stdout.write(`skipped: forward authentication behind nginx: ${missing}\n`);

const IDENTITY = ['principal', 'subject', 'account', 'organisation', 'role', 'scopes'];

/** As docs/operations.md has it: what nginx asks us, and what it tells the service behind it. */
function locations(latchkey: string, backend: string): string {
  const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const shown = /```nginx\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  return shown.replace('http://127.0.0.1:8080', latchkey).replace('http://service', backend);
}

describe.skipIf(missing !== null)('HT-7: forward authentication behind nginx', () => {
  let app: TestApp;
  let backend: Server;
  let nginx: Nginx;
  beforeAll(async () => {
    app = await startApp('sqlite');
    await app.load({ kind: 'role', name: 'Prüfer/in 100%', permissions: ['course:read', 'course:write'] });
    backend = createServer((request, response) => {
      // Answered before it has come in whole, a request of nginx's ends in a connection reset, and its client is told 502.
      request.resume().once('end', () => {
        response.end(JSON.stringify({ headers: request.headers, method: request.method }));
      });
    });
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    const { port } = backend.address() as AddressInfo;
    nginx = await startNginx(locations(app.url, `http://127.0.0.1:${port}`));
  });
  afterAll(async () => {
    await nginx.stop();
    await new Promise((resolve) => backend.close(resolve));
    await app.stop();
  });

  async function signIn() {
    const organisation = await app.organisation();
    const person = await app.person({ organisation });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Prüfer/in 100%' });
    const { email: identity, password } = person;
    const offered = await app.post('/auth/sign-in-verify', { identity, password });
    const { loginToken } = offered.body.result[0][0];
    const { body } = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
    return { person, organisation, jwt: body.token as string, opaque: body.loginToken as string };
  }
  const ask = async (headers: Record<string, string>, init: RequestInit = {}) => {
    const response = await fetch(`${nginx.url}/reports`, { ...init, headers });
    return { status: response.status, text: await response.text() };
  };

  test.each(['jwt', 'opaque'] as const)('tells the service who it is, by %s token', async (form) => {
    const session = await signIn();
    const { status, text } = await ask({ authorization: `Bearer ${session[form]}` });
    expect(status).toBe(200);
    expect(JSON.parse(text).headers).toMatchObject({
      'x-auth-principal': 'account',
      'x-auth-subject': session.person.id,
      'x-auth-account': session.person.id,
      'x-auth-organisation': session.organisation,
      'x-auth-role': 'Pr%C3%BCfer/in 100%25',
      'x-auth-scopes': 'course:read course:write',
    });
  });

  test('overwrites what the client says of itself', async () => {
    const { jwt, person } = await signIn();
    const forged = Object.fromEntries(IDENTITY.map((name) => [`x-auth-${name}`, 'forged']));
    const { text } = await ask({ authorization: `Bearer ${jwt}`, ...forged });
    expect(text).not.toContain('forged');
    expect(JSON.parse(text).headers['x-auth-subject']).toBe(person.id);
  });

  test('passes nothing on of what the client says where there is nothing to say', async () => {
    const { username, password, id } = await app.person();
    const { body } = await app.post('/auth/login', { username, password });
    const forged = IDENTITY.flatMap((name) => [`X-Auth-${name}: forged`, `x-auth-${name}: forged again`]);
    const lines = ['GET /reports HTTP/1.1', 'Host: x', 'Connection: close', ...forged];
    const sent = [...lines, `Authorization: Bearer ${body.access_token}`, '', ''].join('\r\n');
    const { text } = await rawRequest(nginx.url, sent);
    expect(text).not.toContain('forged');
    expect(text).toContain(`"x-auth-subject":"${id}"`);
    for (const name of ['organisation', 'role', 'scopes']) expect(text).not.toContain(`x-auth-${name}`);
  });

  test('takes a request with a body, whatever its type', async () => {
    const { jwt } = await signIn();
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      const headers = { authorization: `Bearer ${jwt}`, 'content-type': type };
      const { status, text } = await ask(headers, { method: 'POST', body: 'x'.repeat(50_000) });
      expect(status).toBe(200);
      expect(JSON.parse(text).method).toBe('POST');
    }
  });

  test.each([
    ['no token', {}],
    ['another scheme', { authorization: 'Basic eA==' }],
    ['a token that is none', { authorization: 'Bearer a.b.c' }],
    ['a malformed token', { authorization: 'Bearer ' }],
    ['a malformed cookie', { cookie: '=;=;%00;session=\u00ff' }],
    ['a cookie with a token', { cookie: 'session=a.b.c; session=d' }],
  ])('lets nobody through with %s', async (_what, headers) => {
    const forged = { 'x-auth-subject': 'forged' };
    expect((await ask({ ...headers, ...forged })).status).toBe(401);
    const direct = await app.request('GET', '/v1/forward-auth', { headers: { ...headers, ...forged } });
    expect(direct.status).toBe(401);
    expect([...direct.headers.keys()].filter((name) => name.startsWith('x-auth-'))).toEqual([]);
  });

  test('lets nobody through with two tokens, or after the end of the session', async () => {
    const { jwt } = await signIn();
    const lines = ['GET /v1/forward-auth HTTP/1.1', 'Host: x', 'Connection: close'];
    const twice = [`Authorization: Bearer ${jwt}`, 'Authorization: Bearer a.b.c', '', ''];
    expect((await rawRequest(app.url, [...lines, ...twice].join('\r\n'))).status).toBe(401);
    await app.request('POST', '/auth/sign-out', { headers: { authorization: `Bearer ${jwt}` } });
    expect((await ask({ authorization: `Bearer ${jwt}` })).status).toBe(401);
  });
});
