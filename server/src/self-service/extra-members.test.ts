import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { extraMembers } from '../../testing/extra-members.ts';
import { mailedCode, signInAsOwner } from '../../testing/owner.ts';

const HOME = '00000000-0000-4000-8000-00000000aaac';
const PASSWORD = 'kestrel over the quarry';

// What a body says beside what it is asked: nothing of it counts (MT-3, CVE-2025-61928).
describe.each(ENGINES)('MT-3: what nobody asked for, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'credential-type', allowSignUp: true }]),
    });
    await app.load({ kind: 'role', name: 'Admin', admin: 'global', permissions: ['everything'] });
    await app.load({ kind: 'organisation', id: HOME, name: 'Bittern Works' });
  });
  afterAll(() => app.stop());

  const address = () => `new${nextNumber()}@example.com`;
  const accountOf = async (email: string) =>
    (await app.core.store.accounts.named({ canonical: email, kinds: 2 }, null))[0];
  const check = (property: (extra: Record<string, unknown>) => Promise<void>) =>
    fc.assert(fc.asyncProperty(extraMembers(HOME), property), { numRuns: 15 });
  const NEW = {
    home: null,
    role: null,
    memberships: [],
    status: 'active',
    phone: null,
    phoneValidated: false,
    epoch: 1,
    factors: { email: false, totpSealed: null },
    recogniseDevices: false,
    stats: {},
  };

  test('signing up at credential-type', () =>
    check(async (extra) => {
      const email = address();
      const data = { ...extra, email, password: PASSWORD };
      const answer = await app.post('/api/v1/auth/sign-up', { ...extra, type: 'email-password', data });
      expect([answer.status, answer.body.role]).toEqual([201, '']);
      expect(await accountOf(email)).toMatchObject({ ...NEW, emailValidated: false });
    }));

  test('signing up at the native API', () =>
    check(async (extra) => {
      const email = address();
      const begun = await app.post('/v1/sign-up', { ...extra, email, password: PASSWORD });
      const { challenge_token } = begun.body;
      const code = await app.mail.code(email);
      const done = await app.post('/v1/sign-up/confirm', { ...extra, challenge_token, code });
      expect([done.status, done.body.role, done.body.organisation]).toEqual([201, '', null]);
      expect(await accountOf(email)).toMatchObject({ ...NEW, emailValidated: true });
    }));

  test('proving and changing addresses', () =>
    check(async (extra) => {
      const person = await app.person({ emailValidated: false });
      const other = await app.person();
      const before = await app.core.store.accountRecords.byIds([person.id, other.id]);
      const owner = await signInAsOwner(app, person);
      const email = address();
      const number = `+3460${String(2_000_000 + nextNumber())}`;
      const confirm = async (path: string, body: object, code: () => Promise<string>) => {
        const { challenge_token } = (await owner.call('POST', path, { ...extra, ...body })).body;
        const sent = { ...extra, challenge_token, code: await code() };
        const kind = path.startsWith('/v1/email') ? 'email' : 'phone';
        expect((await owner.call('POST', `/v1/${kind}/confirm`, sent)).status).toBe(204);
      };
      const recordsNow = () => app.core.store.accountRecords.byIds([person.id, other.id]);
      const expected = (changed: object) =>
        before.map((record) => (record.id === person.id ? { ...record, ...changed } : record));
      const byId = (records: readonly { id: string }[]) =>
        [...records].sort((one, two) => (one.id < two.id ? -1 : 1));

      await confirm('/v1/email/validate', {}, () => mailedCode(app, person));
      expect(byId(await recordsNow())).toEqual(byId(expected({ emailValidated: true })));
      await confirm('/v1/email', { email }, () => mailedCode(app, { email }));
      expect(byId(await recordsNow())).toEqual(byId(expected({ email, emailValidated: true, epoch: 2 })));
      await confirm('/v1/phone', { phone: number }, () => app.sms.code(number));
      const changed = { email, emailValidated: true, phone: number, phoneValidated: true, epoch: 3 };
      expect(byId(await recordsNow())).toEqual(byId(expected(changed)));
    }));
});
