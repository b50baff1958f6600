import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { comparable, DOORS, type Door, signInAt } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { asOwner, mailedCode } from '../../testing/owner.ts';
import { accessTokenIn, type OpenStep, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

const ADMINS = [
  ['global', 'Global'],
  ['group', 'Group'],
] as const;

describe.each(ENGINES)('what organisations ask for, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
    await app.load(
      ...['Student', 'Teacher', 'Clerk'].map((name) => ({ kind: 'role', name })),
      ...ADMINS.map(([admin, name]) => ({ kind: 'role', name, admin })),
    );
  });
  afterAll(() => app.stop());

  const settle = (id: string, settings: unknown) =>
    app.load({ kind: 'organisation', id, name: 'Settled', settings });

  /** Somebody who has a role in an organisation of these settings. */
  async function member(settings: object, role: string, fields: Record<string, unknown> = {}) {
    const organisation = await app.organisation({ settings });
    const person = await app.person(fields);
    await app.load({ kind: 'membership', account: person.id, organisation, role });
    return { person, organisation };
  }

  /** Whether a sign-in stops at a second factor, goes on to a session, or is refused as that of an inactive account. */
  async function whatHappens(contract: string, person: Person): Promise<'step' | 'session' | 'refused'> {
    const door = DOORS.find((each) => each.contract === contract) as Door;
    const begun = await signInAt(app, door, person);
    if (JSON.stringify(comparable(begun)) === JSON.stringify(door.inactive)) return 'refused';
    if (contract === 'role-picker') return begun.body.result[0][0].is2FAEnabled ? 'step' : 'session';
    return door.isSignedIn(begun) ? 'session' : 'step';
  }

  const isIn = (step: OpenStep, answer: Answer) => accessTokenIn(step.contract, answer) !== undefined;
  const resetByMail = (person: Person, ago = 0) =>
    app.core.store.commit([
      {
        sql: 'UPDATE accounts SET reset_by_mail_at = $2 WHERE id = $1',
        params: [person.id, app.core.clock.now() - ago],
      },
    ]);
  const mailsTo = ({ email }: Person) =>
    app.mail.delivered.filter(({ recipients }) => recipients.includes(email)).length;

  test('every contract at which people sign in is tried', () => {
    expect(DOORS.map(({ contract }) => contract)).toEqual(STEP_CONTRACTS);
  });

  describe.each(STEP_CONTRACTS)('at %s', (contract) => {
    test('a role that is named in requireSecondFactorFor asks for one, and no other does', async () => {
      const settings = { requireSecondFactorFor: ['Clerk', 'Payee'] };
      const { person } = await member(settings, 'Clerk');
      const step = await openStep(app, contract, person);
      expect(isIn(step, await step.prove(await mailedCode(app, person)))).toBe(true);
      expect(await whatHappens(contract, (await member(settings, 'Student')).person)).toBe('session');
    });

    test('an own role is asked for what its home says of it', async () => {
      const organisation = await app.organisation({
        settings: { requireSecondFactorFor: ['Clerk'], mfaForStudents: true },
      });
      expect(await whatHappens(contract, await app.person({ organisation, role: 'Clerk' }))).toBe('step');
      expect(await whatHappens(contract, await app.person({ organisation, role: 'Student' }))).toBe(
        'session',
      );
      expect(await whatHappens(contract, await app.person({ role: 'Clerk' }))).toBe('session');
    });

    test('settings of another type ask for nothing and forbid nothing', async () => {
      for (const named of [
        'Clerk',
        true,
        { Clerk: true },
        [['Clerk']],
        [null, 7],
        { length: 1, 0: 'Clerk' },
        null,
      ]) {
        const { person } = await member({ requireSecondFactorFor: named, mfaForStudents: 'true' }, 'Clerk');
        expect(await whatHappens(contract, person), JSON.stringify(named)).toBe('session');
      }
      for (const allowed of [null, 0, 'false', '', [], {}, true]) {
        const { person } = await member(
          { requireSecondFactorFor: ['Clerk'], allowEmailPin: allowed },
          'Clerk',
        );
        expect(await whatHappens(contract, person), JSON.stringify(allowed)).toBe('step');
      }
    });

    test('where no PIN may be mailed, none is, and who has nothing else is told like the inactive', async () => {
      const settings = { requireSecondFactorFor: ['Clerk'], allowEmailPin: false };
      for (const fields of [{}, { secondFactor: { email: true } }]) {
        const { person } = await member(settings, 'Clerk', fields);
        expect(await whatHappens(contract, person)).toBe('refused');
        const door = DOORS.find((each) => each.contract === contract) as Door;
        const wrong = await signInAt(app, door, { ...person, password: 'a wrong password' });
        expect(comparable(wrong)).toEqual(door.refused);
        const [refusal] = (await eventsOf(app.core, person.id)).filter(
          ({ event }) => event === 'sign-in.refused',
        );
        expect(refusal?.reason).toBe('second-factor-missing');
        expect(mailsTo(person)).toBe(0);
      }
      const { person } = await member(settings, 'Clerk', { secondFactor: { email: true, totp: SEED } });
      const step = await openStep(app, contract, person);
      expect(isIn(step, await step.prove(totpCode(app.core.clock.now())))).toBe(true);
      expect(mailsTo(person)).toBe(0);
      // Its own factor is asked for where no role asks.
      const own = await member({ allowEmailPin: false }, 'Clerk', { secondFactor: { email: true } });
      expect(await whatHappens(contract, own.person)).toBe('refused');
      expect(await whatHappens(contract, (await member({ allowEmailPin: false }, 'Clerk')).person)).toBe(
        'session',
      );
    });

    test('a PIN that was mailed before it was forbidden is taken no more, and none is mailed again', async () => {
      const { person, organisation } = await member({ requireSecondFactorFor: ['Clerk'] }, 'Clerk', {
        secondFactor: { email: true, totp: SEED },
      });
      const step = await openStep(app, contract, person);
      const code = await mailedCode(app, person);
      await settle(organisation, { requireSecondFactorFor: ['Clerk'], allowEmailPin: false });
      app.core.clock.advance(31);
      await step.resend();
      expect(isIn(step, await step.prove(code))).toBe(false);
      expect(mailsTo(person)).toBe(1);
      expect(isIn(step, await step.prove(totpCode(app.core.clock.now())))).toBe(true);
    });

    test('what has become impossible is told like the inactive at the step too, a challenge as one that is dead', async () => {
      const { person, organisation } = await member({ requireSecondFactorFor: ['Clerk'] }, 'Clerk');
      const step = await openStep(app, contract, person);
      const code = await mailedCode(app, person);
      await settle(organisation, { requireSecondFactorFor: ['Clerk'], allowEmailPin: false });
      const door = DOORS.find((each) => each.contract === contract) as Door;
      const byItself = ['fingerprint', 'role-picker'].includes(contract);
      // Whoever holds a challenge is told of the challenge only.
      const native = { status: 401, body: { error: { code: 'invalid-ticket' } } };
      expect(comparable(await step.prove(code))).toMatchObject(byItself ? door.inactive : native);
    });

    test.each(ADMINS)('MF-9: a mailed PIN alone reaches no role that administers (%s)', async (_, role) => {
      const asked = await member({ requireSecondFactorFor: [role] }, role);
      expect(await whatHappens(contract, asked.person)).toBe('refused');
      const own = await app.person({ role, secondFactor: { email: true } });
      expect(await whatHappens(contract, own)).toBe('refused');
      expect(mailsTo(asked.person) + mailsTo(own)).toBe(0);
      // Nobody asks for anything: the password is enough.
      expect(await whatHappens(contract, await app.person({ role }))).toBe('session');
      const strong = await member({ requireSecondFactorFor: [role] }, role, { secondFactor: { totp: SEED } });
      const step = await openStep(app, contract, strong.person);
      expect(isIn(step, await step.prove(totpCode(app.core.clock.now())))).toBe(true);
    });

    test('MF-9: after a reset by mail, a mailed PIN is no second channel', async () => {
      const own = await app.person({ secondFactor: { email: true } });
      const documented = (await member({ mfaForStudents: true }, 'Student')).person;
      for (const person of [own, documented]) {
        await resetByMail(person);
        const step = await openStep(app, contract, person);
        const token = accessTokenIn(contract, await step.prove(await mailedCode(app, person)));
        const headers = { authorization: `Bearer ${token}` };
        const { amr } = (await app.request('GET', '/v1/session', { headers })).body;
        expect(amr).toEqual(['pwd', 'email', 'single-channel']);
      }
      const named = (await member({ requireSecondFactorFor: ['Clerk'] }, 'Clerk')).person;
      await resetByMail(named);
      expect(await whatHappens(contract, named)).toBe('refused');
      await resetByMail(named, 24 * 3_600_000);
      const step = await openStep(app, contract, named);
      const token = accessTokenIn(contract, await step.prove(await mailedCode(app, named)));
      const headers = { authorization: `Bearer ${token}` };
      expect((await app.request('GET', '/v1/session', { headers })).body.amr).toEqual([
        'pwd',
        'email',
        'mfa',
      ]);
    });

    test('MF-9: a reset between the PIN and its use counts', async () => {
      const named = (
        await member({ requireSecondFactorFor: ['Clerk'] }, 'Clerk', {
          secondFactor: { totp: SEED, email: true },
        })
      ).person;
      const step = await openStep(app, contract, named);
      const code = await mailedCode(app, named);
      await resetByMail(named);
      expect(isIn(step, await step.prove(code))).toBe(false);
      expect(isIn(step, await step.prove(totpCode(app.core.clock.now())))).toBe(true);
    });

    test('MF-2: what is asked for between a device’s code and its use is asked for', async () => {
      const { person, organisation } = await member({}, 'Clerk', { recogniseDevices: true, devices: ['x'] });
      const step = await openStep(app, contract, person, { 'x-fingerprint-id': 'another-device' });
      const code = await mailedCode(app, person);
      await settle(organisation, { requireSecondFactorFor: ['Clerk'] });
      const answer = await step.prove(code);
      expect(isIn(step, answer)).toBe(false);
      expect(answer.status).toBe(401);
    });
  });

  describe('the strictest of several organisations counts before a role is picked', () => {
    async function inTwo(one: object, other: object) {
      const { person, organisation } = await member(one, 'Clerk');
      const second = await app.organisation({ settings: other });
      await app.load({ kind: 'membership', account: person.id, organisation: second, role: 'Student' });
      return { person, organisations: [organisation, second] as const };
    }

    test('for whether one is asked for', async () => {
      const { person } = await inTwo({}, { requireSecondFactorFor: ['Student'] });
      for (const contract of STEP_CONTRACTS.filter((each) => each !== 'role-picker'))
        expect(await whatHappens(contract, person), contract).toBe('step');
    });

    test('for whether a PIN will do', async () => {
      const { person, organisations } = await inTwo({ allowEmailPin: false }, { mfaForStudents: true });
      for (const contract of STEP_CONTRACTS.filter((each) => each !== 'role-picker'))
        expect(await whatHappens(contract, person), contract).toBe('refused');
      const [, student] = organisations;
      const offered = await app.post('/auth/sign-in-verify', {
        identity: person.email,
        password: person.password,
      });
      const choices = offered.body.result[0].map(
        (each: { organisation: { uuid: string }; is2FAEnabled: boolean }) => [
          each.organisation.uuid,
          each.is2FAEnabled,
        ],
      );
      expect(choices).toEqual(expect.arrayContaining([[student, true]]));
      expect(choices).toHaveLength(2);
    });

    test('role-picker says of each role what is asked for it, and refuses what cannot be reached', async () => {
      const { person } = await inTwo(
        { requireSecondFactorFor: ['Clerk'], allowEmailPin: false },
        { requireSecondFactorFor: ['Student'] },
      );
      const { email: identity, password } = person;
      const [granted, refused] = (await app.post('/auth/sign-in-verify', { identity, password })).body.result;
      expect(granted).toMatchObject([{ role: 'Student', is2FAEnabled: true }]);
      expect(refused).toMatchObject([{ role: 'Clerk', message: 'Account is inactive.' }]);
    });

    test('a suspended organisation asks for nothing', async () => {
      const { person, organisations } = await inTwo({}, { requireSecondFactorFor: ['Student'] });
      const [, second] = organisations;
      const settings = { requireSecondFactorFor: ['Student'] };
      await app.load({ kind: 'organisation', id: second, name: 'x', settings, isSuspended: true });
      expect(await whatHappens('login', person)).toBe('session');
    });
  });

  // A session is begun, and only then a second factor is asked for that it lacks.
  describe('MF-2: policy that is turned on', () => {
    const POLICIES = [
      ['asks for a factor', {}, { requireSecondFactorFor: ['Clerk'] }, 'session'],
      [
        'forbids the PIN that it was begun with',
        { requireSecondFactorFor: ['Clerk'] },
        { requireSecondFactorFor: ['Clerk'], allowEmailPin: false },
        'pin',
      ],
    ] as const;

    describe.each(POLICIES)('and %s', (_, before, after, by) => {
      async function begun(contract: string) {
        const { person, organisation } = await member(before, 'Clerk');
        const answer =
          by === 'session'
            ? await signIn(app, contract, person)
            : await (async () => {
                const step = await openStep(app, contract, person);
                return step.prove(await mailedCode(app, person));
              })();
        const accessToken = String(accessTokenIn(contract, answer));
        const refreshToken: string =
          answer.body.data?.refreshToken ?? answer.body.refreshToken ?? answer.body.refresh_token;
        const owner = asOwner(app, { accessToken, refreshToken });
        expect(await owner.isIn()).toBe(true);
        return { person, organisation, owner, opaque: answer.body.loginToken as string | undefined };
      }

      const REFRESH: Readonly<Record<string, readonly [string, string]>> = {
        fingerprint: ['/identity/refresh-token', 'refreshToken'],
        profile: ['/api/v1/auths/refresh', 'refreshToken'],
        'role-picker': ['/auth/refresh', 'refreshToken'],
        login: ['/auth/refresh-token', 'refresh_token'],
      };

      test.each(Object.keys(REFRESH))('ends the session at its next refresh: %s', async (contract) => {
        const { owner, organisation, person } = await begun(contract);
        await settle(organisation, after);
        const [path = '', name = ''] = REFRESH[contract] ?? [];
        expect((await app.post(path, { [name]: owner.refreshToken })).status).toBe(401);
        // For good: it does not come back with the policy that was before.
        await settle(organisation, before);
        expect((await app.post(path, { [name]: owner.refreshToken })).status).toBe(401);
        expect(await owner.isIn()).toBe(false);
        const events = (await eventsOf(app.core, person.id)).map(({ event }) => event);
        expect(events.filter((event) => event === 'session.unproven')).toHaveLength(1);
      });

      test.each(STEP_CONTRACTS)('ends it at introspection: %s', async (contract) => {
        const { owner, organisation, person, opaque } = await begun(contract);
        await settle(organisation, after);
        const asked = await Promise.all([
          ...Array.from({ length: 5 }, () => owner.isIn()),
          ...(opaque === undefined ? [] : [asOwner(app, { accessToken: opaque, refreshToken: '' }).isIn()]),
        ]);
        expect(asked.filter(Boolean)).toEqual([]);
        await settle(organisation, before);
        expect(await owner.isIn()).toBe(false);
        const events = (await eventsOf(app.core, person.id)).map(({ event }) => event);
        expect(events.filter((event) => event === 'session.unproven')).toHaveLength(1);
        const revoked = (await app.core.store.revocations.after(0, 0, 1000)).filter(
          ({ principal }) => principal.id === person.id,
        );
        expect(revoked).toMatchObject([{ reason: 'second-factor-missing' }]);
      });

      test.each([
        ['POST', '/v1/session/prove', { password: 'whatever' }],
        ['GET', '/v1/factors', undefined],
        ['POST', '/v1/factors/totp', {}],
        ['GET', '/v1/forward-auth', undefined],
      ] as const)('and at %s %s', async (method, path, body) => {
        const { owner, organisation } = await begun('role-picker');
        await settle(organisation, after);
        expect((await owner.call(method, path, body)).status).toBe(401);
        await settle(organisation, before);
        expect(await owner.isIn()).toBe(false);
      });
    });

    test('leaves sessions alone that have what is asked for', async () => {
      const { person, organisation } = await member({}, 'Clerk', { secondFactor: { totp: SEED } });
      const step = await openStep(app, 'login', person);
      const { access_token, refresh_token } = (await step.prove(totpCode(app.core.clock.now()))).body;
      await settle(organisation, { requireSecondFactorFor: ['Clerk'], allowEmailPin: false });
      expect(await asOwner(app, { accessToken: access_token, refreshToken: '' }).isIn()).toBe(true);
      expect((await app.post('/auth/refresh-token', { refresh_token })).status).toBe(200);
    });
  });

  test('MF-2: a switch asks for what the role asks for, of a session that its own roles have outgrown too', async () => {
    const { person, organisation } = await member({}, 'Clerk');
    const { email: identifier, password } = person;
    const { accessToken } = (await app.post('/v1/sign-in', { identifier, password })).body;
    const owner = asOwner(app, { accessToken, refreshToken: '' });
    await settle(organisation, { requireSecondFactorFor: ['Clerk'] });
    const due = await owner.call('POST', '/v1/session/switch', { organisation, role: 'Clerk' });
    expect(due.body.error.code).toBe('second-factor-required');
    const { challenge_token } = due.body;
    const code = await mailedCode(app, person);
    const proven = await app.post('/v1/challenges/verify', { challenge_token, code });
    expect(proven.body).toMatchObject({ role: 'Clerk' });
    expect(await owner.isIn()).toBe(false);
    await settle(organisation, { requireSecondFactorFor: ['Clerk'], allowEmailPin: false });
    const again = asOwner(app, { accessToken: proven.body.accessToken, refreshToken: '' });
    const refused = await again.call('POST', '/v1/session/switch', { organisation, role: 'Clerk' });
    expect(refused.body.error.code).toBe('account-refused');
    expect(await again.isIn()).toBe(false);
  });

  test('MF-2: no role that asks for a factor is switched to without one that passes', async () => {
    const { person, organisation } = await member({ requireSecondFactorFor: ['Global', 'Student'] }, 'Clerk');
    for (const role of ['Global', 'Student'])
      await app.load({ kind: 'membership', account: person.id, organisation, role });
    const { email: identity, password } = person;
    const offered = (await app.post('/auth/sign-in-verify', { identity, password })).body.result;
    expect(offered[1]).toMatchObject([{ role: 'Global', message: 'Account is inactive.' }]);
    const { loginToken } = offered[0].find(({ role }: { role: string }) => role === 'Clerk');
    const { token } = (await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).body;
    const owner = asOwner(app, { accessToken: token, refreshToken: '' });
    const switchTo = (by: typeof owner, role: string) =>
      by.call('POST', '/v1/session/switch', { organisation, role });
    expect((await switchTo(owner, 'Global')).body.error.code).toBe('account-refused');
    const { challenge_token } = (await switchTo(owner, 'Student')).body;
    const proven = await app.post('/v1/challenges/verify', {
      challenge_token,
      code: await mailedCode(app, person),
    });
    const student = asOwner(app, { accessToken: proven.body.token, refreshToken: '' });
    expect(await student.methods()).toEqual(['pwd', 'email', 'mfa']);
    expect((await switchTo(student, 'Global')).body.error.code).toBe('account-refused');
    expect(await student.isIn()).toBe(true);
  });
});
