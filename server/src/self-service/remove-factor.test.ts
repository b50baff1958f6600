import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { asOwner, mailedCode, type SignedInOwner, signInAsOwner } from '../../testing/owner.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

describe.each(ENGINES)('taking a second factor away, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Admin', admin: 'group' });
  });
  afterAll(() => app.stop());

  const refusalOf = ({ status, body }: Answer) => [status, body.error?.code];
  const remove = (owner: SignedInOwner, factor: string) => owner.call('DELETE', `/v1/factors/${factor}`);

  const KINDS = [
    ['totp', { totp: SEED }, 'an authenticator app was removed', async () => totpCode(app.core.clock.now())],
    [
      'email',
      { email: true },
      'codes by e-mail was removed',
      (person: { email: string }) => mailedCode(app, person),
    ],
  ] as const;

  describe.each(KINDS)('%s', (factor, secondFactor, told, codeOf) => {
    test('it is asked for no more, at any contract', async () => {
      const person = await app.person({ secondFactor });
      const owner = await signInAsOwner(app, person, () => codeOf(person));
      expect((await remove(owner, factor)).status).toBe(204);
      for (const contract of STEP_CONTRACTS)
        expect(accessTokenIn(contract, await signIn(app, contract, person)), contract).toBeDefined();
      expect(refusalOf(await remove(owner, factor))).toEqual([404, 'no-such-factor']);
    });

    test('SE-3: other sessions, what is outstanding and devices go with it, and the owner is told', async () => {
      const person = await app.person({ secondFactor, devices: ['a-device'] });
      const owner = await signInAsOwner(app, person, () => codeOf(person));
      app.core.clock.advance(30);
      const other = await signInAsOwner(app, person, () => codeOf(person));
      app.core.clock.advance(30);
      const step = await openStep(app, 'login', person);
      const code = await codeOf(person);
      expect((await remove(owner, factor)).status).toBe(204);
      expect(await owner.isIn()).toBe(true);
      expect(await other.isIn()).toBe(false);
      expect((await step.prove(code)).body.error.code).toBe('invalid-ticket');
      expect(await app.core.store.devices.ofAccount(person.id)).toEqual([]);
      expect((await app.mail.next(person.email)).text).toContain(told);
      const events = await eventsOf(app.core, person.id);
      expect(events.filter(({ event }) => event === 'factor.removed')).toMatchObject([
        { factor, sessionId: expect.any(String) },
      ]);
    });

    test('MF-8: wants a fresh proof with the factor', async () => {
      const person = await app.person({ secondFactor });
      const owner = await signInAsOwner(app, person, () => codeOf(person));
      app.core.clock.advance(20 * 60 + 1);
      const { refreshToken } = owner;
      const old = asOwner(app, (await app.post('/v1/refresh', { refreshToken })).body);
      expect(refusalOf(await remove(old, factor))).toEqual([403, 'proof-required']);
      const due = await old.call('POST', '/v1/session/prove', { password: person.password });
      expect(due.body.error.code).toBe('second-factor-required');
      expect(refusalOf(await remove(old, factor))).toEqual([403, 'proof-required']);
      const { challenge_token } = due.body;
      const proven = await app.post('/v1/challenges/verify', { challenge_token, code: await codeOf(person) });
      expect((await remove(asOwner(app, proven.body), factor)).status).toBe(204);
    });

    test('MF-8: a session that showed the password only removes nothing, and ends', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const sealed = factor === 'totp' ? app.core.vault.seal('totp', SEED) : null;
      await app.core.store.commit([
        {
          sql: 'UPDATE accounts SET totp_sealed = $2, factor_email = $3 WHERE id = $1',
          params: [person.id, sealed, Number(sealed === null)],
        },
      ]);
      expect(refusalOf(await remove(owner, factor))).toEqual([401, 'unauthorised']);
      expect(await owner.isIn()).toBe(false);
      const account = await app.core.store.accounts.byId(person.id);
      expect(account?.factors).toEqual({ email: sealed === null, totpSealed: sealed, hasPasskey: false });
    });

    test('of many at once, one is carried out', async () => {
      const person = await app.person({ secondFactor });
      const owner = await signInAsOwner(app, person, () => codeOf(person));
      const answers = await Promise.all(Array.from({ length: 10 }, () => remove(owner, factor)));
      expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
      const events = await eventsOf(app.core, person.id);
      expect(events.filter(({ event }) => event === 'factor.removed')).toHaveLength(1);
      expect(await owner.isIn()).toBe(true);
    });
  });

  test('not the one without which the account could not sign in any more', async () => {
    const organisation = await app.organisation({
      settings: { requireSecondFactorFor: ['Student'], allowEmailPin: false },
    });
    const person = await app.person({ secondFactor: { totp: SEED } });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const owner = await signInAsOwner(app, person, () => totpCode(app.core.clock.now()));
    expect(refusalOf(await remove(owner, 'totp'))).toEqual([403, 'factor-not-allowed']);
    expect((await owner.call('POST', '/v1/factors/totp')).status).toBe(201);

    const administrator = await app.person({ role: 'Admin', secondFactor: { totp: SEED, email: true } });
    const admin = await signInAsOwner(app, administrator, () => totpCode(app.core.clock.now()));
    expect(refusalOf(await remove(admin, 'totp'))).toEqual([403, 'factor-not-allowed']);
    expect((await remove(admin, 'email')).status).toBe(204);
    // Nothing asks for a factor then.
    expect((await remove(admin, 'totp')).status).toBe(204);
  });

  test('a PIN that is mailed where an organisation asks for it is enough to go without another', async () => {
    const organisation = await app.organisation({ settings: { mfaForStudents: true } });
    const person = await app.person({ secondFactor: { totp: SEED } });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const owner = await signInAsOwner(app, person, () => totpCode(app.core.clock.now()));
    expect((await remove(owner, 'totp')).status).toBe(204);
    const step = await openStep(app, 'login', person);
    expect((await step.prove(await mailedCode(app, person))).status).toBe(200);
  });
});
