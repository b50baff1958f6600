import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { servedMounts } from '../../server/src/app.ts';
import { verifyChain } from '../../server/src/audit/verify-chain.ts';
import { hashPassword } from '../../server/src/crypto/password-hash.ts';
import { createRefreshTokens } from '../../server/src/tokens/refresh-token.ts';
import { startApp, type TestApp } from '../../server/testing/app.ts';
import { ENGINES } from '../../server/testing/engines.ts';
import { readTables } from '../../server/testing/store-dump.ts';
import { PASSWORD } from '../scenarios.ts';
import { personOf, signerOf, USER_AGENT } from './people.ts';
import { addAccounts, addSignIns } from './populate.ts';

const PEOPLE = 1500;
const SIGN_INS = 600;

describe.each(ENGINES)('a generated store on %s', (engine) => {
  let app: TestApp;
  const progress: number[] = [];
  beforeAll(async () => {
    app = await startApp(engine);
    const { core } = app;
    await addAccounts(core, PEOPLE, hashPassword(PASSWORD, core.config.hashing), (done) =>
      progress.push(done),
    );
    const mount = servedMounts(core.config).find(({ contract }) => contract.name === 'login');
    if (mount === undefined) throw new Error('there is no mount of the contract login');
    const signIns = { accounts: PEOPLE, count: SIGN_INS, mount, sessionMaxSeconds: 86_400 };
    await addSignIns(core, signIns, (done) => progress.push(done));
  });
  afterAll(() => app.stop());

  const rows = async (table: string) => (await readTables(app.core.config.store.url))[table] ?? [];
  const signIn = (username: string) => app.post('/auth/login', { username, password: PASSWORD });

  test('has everybody, and says so', async () => {
    expect(await app.core.store.accounts.count()).toBe(PEOPLE);
    expect(progress).toContain(PEOPLE);
    expect(progress).toContain(SIGN_INS);
    for (const number of [0, 1023, 1024, PEOPLE - 1]) {
      const { id, email } = personOf(number);
      const [found] = await app.core.store.accounts.named({ canonical: email, kinds: 2 }, null);
      expect(found).toMatchObject({ id, number: number + 1 });
    }
  });

  test('lets anybody sign in, and gives the next account the next number', async () => {
    for (const number of [0, PEOPLE - 1]) {
      const { username, email } = personOf(number);
      expect((await signIn(username)).status).toBe(200);
      expect((await signIn(email)).status).toBe(200);
      expect((await app.post('/auth/login', { username, password: 'wrong' })).status).toBe(401);
    }
    const { id } = await app.person();
    expect((await app.core.store.accounts.byId(id))?.number).toBe(PEOPLE + 1);
  });

  test('has live sessions, which refresh', async () => {
    const sessions = (await rows('sessions')).filter(({ user_agent }) => /Firefox/.test(String(user_agent)));
    expect(sessions).toHaveLength(SIGN_INS);
    const tokens = createRefreshTokens(app.core.vault, app.core.clock);
    for (const session of [sessions.at(0), sessions.at(-1)]) {
      const refreshToken = tokens.issue({
        sessionId: String(session?.id),
        counter: Number(session?.counter),
        rotatedAt: Number(session?.rotated_at),
        expiresAt: Number(session?.refresh_expires_at),
      });
      const answer = await app.post('/auth/refresh-token', { refresh_token: refreshToken });
      expect(answer.status).toBe(200);
      const headers = { authorization: `Bearer ${answer.body.access_token}` };
      expect((await app.request('GET', '/v1/session', { headers })).body.active).toBe(true);
    }
  });

  test('is as if everybody had signed in: the same columns are filled', async () => {
    const { id, username } = personOf(8);
    const headers = {
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    };
    expect((await app.post('/auth/login', { username, password: PASSWORD }, headers)).status).toBe(200);
    const made = signerOf(4, SIGN_INS, PEOPLE).id;
    expect(made).not.toBe(id);
    const filled = (row: object | undefined) =>
      Object.entries(row ?? {}).flatMap(([name, value]) => (value === null ? [] : [name]));
    for (const [table, whose] of [
      ['accounts', 'id'],
      ['sessions', 'account_id'],
      ['seen_devices', 'account_id'],
      ['attempts', 'key'],
      ['audit', 'account_id'],
    ] as const) {
      const all = await rows(table);
      const rowOf = (who: string) => all.findLast((row) => String(row[whose]).endsWith(who));
      const linked = (row: object | undefined) => ({ ...row, link: 1, seal: '' });
      const [real, generated] = [rowOf(id), rowOf(made)].map(table === 'audit' ? linked : (row) => row);
      expect(filled(generated), table).toEqual(filled(real));
    }
  });

  test('knows the device that everybody has come from', async () => {
    const { id, username } = signerOf(1, SIGN_INS, PEOPLE);
    const headers = { 'user-agent': USER_AGENT };
    expect((await app.post('/auth/login', { username, password: PASSWORD }, headers)).status).toBe(200);
    expect((await rows('seen_devices')).filter(({ account_id }) => account_id === id)).toHaveLength(1);
  });

  test('has an audit log that is whole', async () => {
    const report = await verifyChain(app.core.store, app.core.vault);
    expect(report.problems).toEqual([]);
    expect(report.events).toBeGreaterThanOrEqual(SIGN_INS);
  });
});
