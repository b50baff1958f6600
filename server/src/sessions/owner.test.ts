import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { sessionAt } from '../../testing/session.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { servedMounts } from '../app.ts';
import type { Mount } from '../mount.ts';
import { isFresh } from './owner.ts';

const MINUTE = 60_000;

describe('an owner’s session is proof enough to change what signs in', () => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore('sqlite');
  });
  afterAll(() => core.close());

  async function freshness(methods: readonly string[], ageMilliseconds: number, fields: object = {}) {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'account', id, email: `${id}@example.com`, ...fields }]);
    const account = (await core.store.accounts.byId(id)) as AccountWithMemberships;
    const now = core.clock.now();
    const session = sessionAt(now - ageMilliseconds, { methods });
    const mount = servedMounts(core.config)[0] as Mount;
    const caller = { mount: mount.name, address: '', userAgent: null, requestId: '', arrivedAt: now };
    return isFresh({ account, session, origin: { mount, caller } }, now);
  }

  test('for twenty minutes', async () => {
    expect(await freshness(['pwd'], 0)).toBe(true);
    expect(await freshness(['pwd'], 20 * MINUTE)).toBe(true);
    expect(await freshness(['pwd'], 20 * MINUTE + 1)).toBe(false);
  });

  test('when it was begun with a factor of the account’s, where it has one', async () => {
    const withMail = { secondFactor: { email: true } };
    expect(await freshness(['pwd'], 0, withMail)).toBe(false);
    expect(await freshness(['pwd', 'email', 'mfa'], 0, withMail)).toBe(true);
    expect(await freshness(['pwd', 'email', 'mfa'], 20 * MINUTE + 1, withMail)).toBe(false);
    const withApp = { secondFactor: { totp: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' } };
    expect(await freshness(['pwd', 'email', 'mfa'], 0, withApp)).toBe(false);
    expect(await freshness(['pwd', 'otp', 'mfa'], 0, withApp)).toBe(true);
  });
});

describe.each(ENGINES)('who acts for an account, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const factors = (token: string) =>
    app.request('GET', '/v1/factors', { headers: { authorization: `Bearer ${token}` } });
  const unauthorised = { status: 401, body: { error: { code: 'unauthorised' } } };
  const logIn = async ({ username, password }: Person): Promise<string> =>
    (await app.post('/auth/login', { username, password })).body.access_token;

  test('is whoever is signed in, as long as the account’s state allows it', async () => {
    const person = await app.person();
    const token = await logIn(person);
    expect((await factors(token)).status).toBe(200);
    const { id, username, email } = person;
    await app.load({ kind: 'account', id, username, email });
    expect(await factors(token)).toMatchObject(unauthorised);
  });

  test('is nobody whose session has come to lack a second factor: it ends', async () => {
    const settings = { mfaForStudents: true };
    const organisation = await app.organisation();
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const token = await logIn(person);
    expect((await factors(token)).status).toBe(200);
    await app.load({ kind: 'organisation', id: organisation, name: organisation, settings });
    expect(await factors(token)).toMatchObject(unauthorised);
    await app.load({ kind: 'organisation', id: organisation, name: organisation });
    expect(await factors(token)).toMatchObject(unauthorised);
    const unproven = (await eventsOf(app.core, person.id)).filter(
      ({ event }) => event === 'session.unproven',
    );
    const { sid } = readJwt(token).payload;
    expect(unproven).toMatchObject([{ sessionId: sid }]);
    const told = await app.core.store.revocations.after(0, 0, 10_000);
    expect(told.find(({ sessionId }) => sessionId === sid)?.reason).toBe('second-factor-missing');
  });

  test('is no installation of it, nor who has a resource code', async () => {
    const { id } = await app.person();
    const data = { installationId: `of ${id}`.padEnd(40, '.'), password: 'p'.repeat(40) };
    const ofNobody = { ...data, installationId: `beside ${id}`.padEnd(44, '.') };
    await app.load(
      { kind: 'installation', ...data, account: id },
      { kind: 'installation', ...ofNobody },
      { kind: 'resource', context: 'owner', code: id },
    );
    for (const [type, shown] of [
      ['mobile-device', data],
      ['mobile-device', ofNobody],
      ['resource', { resource: `voucher::owner::code::${id}` }],
    ] as const) {
      const { body } = await app.post('/api/v1/auth/sign-in', { type, data: shown });
      expect(await factors(body.authorization.token), type).toMatchObject(unauthorised);
    }
  });
});
