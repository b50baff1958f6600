import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { setPasswordHash } from '../store/account-records.ts';
import { setAccountStatus, signAccountOut } from '../store/accounts.ts';

const GRACE_SECONDS = 10;

describe.each(ENGINES)('refresh tokens on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login' }, { contract: 'login', prefix: '/other' }]),
    });
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const signIn = async ({
    username,
    password,
  }: Person): Promise<{ access_token: string; refresh_token: string }> =>
    (await app.post('/auth/login', { username, password })).body;
  const refresh = (refresh_token: string) => app.post('/auth/refresh-token', { refresh_token });
  const isActive = async (token: string) =>
    (await app.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } })).status ===
    200;
  const isRefused = ({ status, body }: Answer) => status === 401 && body.error_code === 'bad-credentials';

  test('a refresh answers with a rotated triple that works, of the same session', async () => {
    const first = await signIn(await app.person());
    app.core.clock.advance(5);
    const answer = await refresh(first.refresh_token);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      jwt_token: answer.body.access_token,
      refresh_token: expect.any(String),
    });
    expect(answer.body.refresh_token).not.toBe(first.refresh_token);
    expect(await isActive(answer.body.access_token)).toBe(true);
    const [before, after] = [
      readJwt(first.refresh_token).payload,
      readJwt(answer.body.refresh_token).payload,
    ];
    expect(after.sid).toBe(before.sid);
    expect(after).toMatchObject({ n: 1 });
    expect(Number(after.exp) - Number(after.iat)).toBe(30 * 86_400);
  });

  test('takes the token as bearer of a request without a body', async () => {
    const { refresh_token } = await signIn(await app.person());
    const answer = await app.request('POST', '/auth/refresh-token', {
      headers: { authorization: `Bearer ${refresh_token}` },
    });
    expect(answer.status).toBe(200);
    expect((await app.request('POST', '/auth/refresh-token')).body.error_code).toBe('bad-request');
    const malformed = await app.request('POST', '/auth/refresh-token', {
      headers: { authorization: 'Bearer' },
    });
    expect(isRefused(malformed)).toBe(true);
  });

  test('the same token again inside the grace gives the same child, byte for byte', async () => {
    const { refresh_token } = await signIn(await app.person());
    const first = await refresh(refresh_token);
    app.core.clock.advance(GRACE_SECONDS - 1);
    const again = await refresh(refresh_token);
    expect(again.body.refresh_token).toBe(first.body.refresh_token);
    expect((await refresh(first.body.refresh_token)).status).toBe(200);
  });

  test('RT-1: after the grace it is reuse: the session ends, newest token and all, though the answer is an error', async () => {
    const person = await app.person();
    const { refresh_token } = await signIn(person);
    const child = (await refresh(refresh_token)).body;
    app.core.clock.advance(GRACE_SECONDS + 1);
    expect(isRefused(await refresh(refresh_token))).toBe(true);
    expect(isRefused(await refresh(child.refresh_token))).toBe(true);
    expect(await isActive(child.access_token)).toBe(false);
    const events = await app.core.store.audit.events({
      afterSequence: 0,
      since: 0,
      accountId: person.id,
      limit: 100,
    });
    expect(events.map(({ event }) => event)).toContain('session.reused');
  });

  test('RT-1: an older one than the one before is reuse at once', async () => {
    const { refresh_token } = await signIn(await app.person());
    const second = (await refresh(refresh_token)).body;
    const third = (await refresh(second.refresh_token)).body;
    expect(isRefused(await refresh(refresh_token))).toBe(true);
    expect(isRefused(await refresh(third.refresh_token))).toBe(true);
  });

  test('RT-2: fifty at once with one token get one child', async () => {
    const { refresh_token } = await signIn(await app.person());
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refresh_token)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const children = new Set(answers.map(({ body }) => body.refresh_token));
    expect(children.size).toBe(1);
    expect((await refresh([...children][0])).status).toBe(200);
  });

  test('RT-3: a client that never saw the answer tries again and stays signed in', async () => {
    const { refresh_token } = await signIn(await app.person());
    await cutAfterSending(app.url, refresh_token);
    const retried = await refresh(refresh_token);
    expect(retried.status).toBe(200);
    expect((await refresh(retried.body.refresh_token)).status).toBe(200);
  });

  const now = () => app.core.clock.now();
  /** Ways to end a session; each says when it is acknowledged. */
  const ENDS: readonly (readonly [string, (person: Person, accessToken: string) => Promise<unknown>])[] = [
    [
      'its client signs out',
      async (_person, accessToken) => {
        const headers = { authorization: `Bearer ${accessToken}` };
        expect((await app.request('POST', '/auth/logout', { headers })).status).toBeLessThan(300);
      },
    ],
    [
      'an administrator signs the account out',
      ({ id }) => app.core.store.commit([...signAccountOut(id, now())]),
    ],
    [
      'the password is changed',
      ({ id, password }) =>
        app.core.store.commit([
          ...setPasswordHash('accounts', id, hashPassword(password, app.core.config.hashing), now()),
        ]),
    ],
    [
      'the account is disabled',
      ({ id }) => app.core.store.commit([...setAccountStatus(id, 'inactive', now())]),
    ],
  ];

  test.each(ENDS)(
    'RT-4: nothing that was issued works once it is told that %s, however close the race',
    { timeout: 120_000 },
    async (_what, end) => {
      const person = await app.person();
      let refreshedFirst = 0;
      for (let round = 0; round < 50; round += 1) {
        const { refresh_token, access_token } = await signIn(person);
        // From well before the refresh to well after it.
        const [answer] = await Promise.all([
          pause((round % 25) - 12).then(() => refresh(refresh_token)),
          pause(12 - (round % 25)).then(() => end(person, access_token)),
        ]);
        const issued = answer.status === 200 ? [answer.body] : [];
        refreshedFirst += issued.length;
        for (const token of [access_token, ...issued.map((each) => each.access_token)])
          expect(await isActive(token), `round ${round}`).toBe(false);
        for (const token of [...issued.map((each) => each.refresh_token), refresh_token])
          expect(isRefused(await refresh(token)), `round ${round}`).toBe(true);
        await app.core.store.commit([...setAccountStatus(person.id, 'active', now())]);
      }
      expect(refreshedFirst).toBeGreaterThan(0);
    },
  );

  test('a disable racing a sign-in leaves no session behind', async () => {
    for (let round = 0; round < 20; round += 1) {
      const person = await app.person();
      const [answer] = await Promise.all([
        app.post('/auth/login', { username: person.username, password: person.password }),
        new Promise((resolve) => setTimeout(resolve, round / 4)).then(() =>
          app.core.store.commit([...setAccountStatus(person.id, 'inactive', app.core.clock.now())]),
        ),
      ]);
      if (answer.status === 200) expect(await isActive(answer.body.access_token)).toBe(false);
    }
  });

  test('what changes for the account, its organisation or its role counts at the next refresh', async () => {
    const organisation = await app.organisation();
    const person = await app.person({ organisation });
    const signedIn = async () => (await signIn(person)).refresh_token;

    const suspended = await signedIn();
    await app.load({ kind: 'organisation', id: organisation, name: 'x', isSuspended: true });
    expect(isRefused(await refresh(suspended))).toBe(true);
    await app.load({ kind: 'organisation', id: organisation, name: 'x' });

    const unvalidated = await signedIn();
    await app.person({ ...person, organisation, emailValidated: false });
    expect(isRefused(await refresh(unvalidated))).toBe(true);
    await app.person({ ...person, organisation });

    const changed = await signedIn();
    await app.person({ ...person, organisation, password: 'another password' });
    expect(isRefused(await refresh(changed))).toBe(true);
  });

  test('a second factor that is asked for from now on ends sessions without one', async () => {
    const organisation = await app.organisation();
    const person = await app.person({ organisation });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { refresh_token } = await signIn(person);
    await app.load({ kind: 'organisation', id: organisation, name: 'x', settings: { mfaForStudents: true } });
    expect(isRefused(await refresh(refresh_token))).toBe(true);
  });

  test('an expired token is told from one that is wrong', async () => {
    const { refresh_token, access_token } = await signIn(await app.person());
    app.core.clock.advance(31 * 86_400);
    expect((await refresh(refresh_token)).body.error_code).toBe('token-expired');
    app.core.clock.advance(-31 * 86_400);
    for (const wrong of [
      access_token,
      'x',
      `${refresh_token}x`,
      `${refresh_token}=`,
      refresh_token.slice(0, -1),
      ` ${refresh_token}`,
      `${refresh_token}.x`,
    ]) {
      expect(isRefused(await refresh(wrong)), wrong).toBe(true);
    }
  });

  test('a token of one mount is nothing to another', async () => {
    const { refresh_token } = await signIn(await app.person());
    expect(isRefused(await app.post('/other/auth/refresh-token', { refresh_token }))).toBe(true);
    expect((await refresh(refresh_token)).status).toBe(200);
  });

  test('a session ends with its longest life, however often it is refreshed', async () => {
    let { refresh_token } = await signIn(await app.person());
    for (let days = 0; days < 80; days += 20) {
      app.core.clock.advance(20 * 86_400);
      const answer = await refresh(refresh_token);
      expect(answer.status).toBe(200);
      refresh_token = answer.body.refresh_token;
    }
    expect(Number(readJwt(refresh_token).payload.exp)).toBeLessThanOrEqual(
      app.core.clock.now() / 1000 + 10 * 86_400 + 5,
    );
    app.core.clock.advance(11 * 86_400);
    expect((await refresh(refresh_token)).status).toBe(401);
    app.core.clock.advance(-91 * 86_400);
  });
});

/** Lets the event loop go round so many times; at once for none and fewer. */
async function pause(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends a refresh and hangs up before the answer can be read. */
function cutAfterSending(url: string, refresh_token: string): Promise<void> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const body = JSON.stringify({ refresh_token });
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST /auth/refresh-token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    });
    socket.on('error', () => undefined);
    socket.on('data', () => {
      socket.destroy();
      resolve();
    });
  });
}
