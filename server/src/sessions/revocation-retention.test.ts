import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { follow } from '../../testing/follower.ts';
import { readJwt } from '../../testing/jwt.ts';
import { CleanUp } from '../clean-up.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { addResourceServer } from '../store/resource-servers.ts';

const DAY_SECONDS = 86_400;
const TOKEN_SECONDS = 20 * DAY_SECONDS;
/** What a resource server allows for clocks that are apart. */
const TOLERANCE_SECONDS = 10;

describe.each(ENGINES)('revocations of tokens that live long, on %s', (engine) => {
  let app: TestApp;
  let credential: string;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', accessTokenSeconds: TOKEN_SECONDS }]),
    });
    const { store, random } = app.core;
    credential = opaqueSecret(random);
    await store.commit([addResourceServer({ name: 'reports', createdAt: 0 }, secretHash(credential))]);
  });
  afterAll(() => app.stop());

  async function endedSession({ username, password }: Person): Promise<string> {
    const { access_token } = (await app.post('/auth/login', { username, password })).body;
    const headers = { authorization: `Bearer ${access_token}` };
    expect((await app.request('POST', '/auth/logout', { headers })).status).toBe(204);
    return String(readJwt(access_token).payload.sid);
  }
  async function cleanUp(): Promise<void> {
    const { store, clock, log, config } = app.core;
    const revocationSeconds = TOKEN_SECONDS + TOLERANCE_SECONDS;
    const round = new CleanUp(store, clock, log, { ...config.cleanUp, revocationSeconds });
    await round.run();
    await round.stop();
  }
  async function toldToWhoeverComesNew(): Promise<string[]> {
    const follower = await follow(app.url, credential);
    await follower.until((events) => events.some(({ event }) => event === 'caught-up'));
    follower.stop();
    return follower.sessions();
  }

  test('are told for as long as a token of theirs could be taken, and not much longer', async () => {
    const session = await endedSession(await app.person());
    for (const days of [8, 11]) {
      app.core.clock.advance(days * DAY_SECONDS);
      await cleanUp();
      expect(await toldToWhoeverComesNew()).toContain(session);
    }
    app.core.clock.advance(DAY_SECONDS + TOLERANCE_SECONDS - 2);
    expect(await toldToWhoeverComesNew()).toContain(session);
    app.core.clock.advance(3600);
    expect(await toldToWhoeverComesNew()).not.toContain(session);
    await cleanUp();
    expect(await app.core.store.revocations.after(0, 0, 10)).toEqual([]);
  });
});
