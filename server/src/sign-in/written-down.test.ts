import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { mailedCode } from '../../testing/owner.ts';
import { accessTokenIn, openStep, signIn } from '../../testing/steps.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

// What the wire does not tell is written down: the true reason, what was asked for, and how it was proven.
describe.each(ENGINES)('what is written down of a sign-in, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '3' });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
  });
  afterAll(() => app.stop());

  const eventsOf = (work: () => Promise<unknown>) => eventsDuring(app.core, work);
  const login = ({ username }: Pick<Person, 'username'>, password: string) =>
    app.post('/auth/login', { username, password });
  const refusal = (reason: string, accountId: string | null) => ({
    event: 'sign-in.refused',
    reason,
    accountId,
    mount: 'login',
    contract: 'login',
    actor: 'client',
  });

  test('a wrong password, a name that nobody has, and an account without a password are told apart', async () => {
    const person = await app.person();
    const without = await app.person({ password: null });
    expect(await eventsOf(() => login(person, 'wrong'))).toMatchObject([
      refusal('wrong-password', person.id),
    ]);
    expect(await eventsOf(() => login({ username: 'nobody at all' }, 'wrong'))).toMatchObject([
      refusal('unknown-identifier', null),
    ]);
    expect(await eventsOf(() => login(without, 'wrong'))).toMatchObject([refusal('no-password', without.id)]);
  });

  test('that nothing was looked at since the account is locked, whoever shows its password', async () => {
    const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
    const person = await app.person({ organisation });
    const token = accessTokenIn('login', await signIn(app, 'login', person));
    const wrong = refusal('wrong-password', person.id);
    const locked = refusal('locked', person.id);
    for (const reason of [wrong, wrong, locked])
      expect(await eventsOf(() => login(person, 'wrong'))).toMatchObject([reason]);
    app.core.clock.advance(31);
    expect(await eventsOf(() => login(person, person.password))).toMatchObject([locked]);
    app.core.clock.advance(61);
    const prove = () =>
      app.post('/v1/session/prove', { password: person.password }, { authorization: `Bearer ${token}` });
    expect(await eventsOf(prove)).toMatchObject([locked]);
  });

  test('what was wrong with a password that is shown in a session', async () => {
    const person = await app.person();
    const token = accessTokenIn('login', await signIn(app, 'login', person));
    const prove = () =>
      app.post('/v1/session/prove', { password: 'wrong' }, { authorization: `Bearer ${token}` });
    expect(await eventsOf(prove)).toMatchObject([refusal('wrong-password', person.id)]);
  });

  test('what the state of an account stood in the way of, and where', async () => {
    const inactive = await app.person({ status: 'inactive' });
    expect(await eventsOf(() => login(inactive, inactive.password))).toMatchObject([
      refusal('account-inactive', inactive.id),
    ]);
    const organisation = await app.organisation({ isSuspended: true });
    const suspended = await app.person({ organisation });
    expect(await eventsOf(() => login(suspended, suspended.password))).toMatchObject([
      refusal('organisation-suspended', suspended.id),
    ]);
  });

  test('what step was due, and whether a code was mailed for it', async () => {
    const due = (step: string, mailed: boolean) => ({
      event: 'sign-in.step-required',
      reason: step,
      detail: { mailed },
    });
    const withMail = await app.person({ secondFactor: { email: true } });
    expect(await eventsOf(() => openStep(app, 'login', withMail))).toMatchObject([
      due('second-factor', true),
    ]);
    const withApp = await app.person({ secondFactor: { totp: SEED } });
    expect(await eventsOf(() => openStep(app, 'login', withApp))).toMatchObject([
      due('second-factor', false),
    ]);
    const careful = await app.person({ recogniseDevices: true, devices: ['known'] });
    expect(await eventsOf(() => openStep(app, 'fingerprint', careful))).toMatchObject([due('device', true)]);
  });

  test('that a code was mailed once more', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const step = await openStep(app, 'login', person);
    expect(await eventsOf(step.resend)).toEqual([]);
    app.core.clock.advance(31);
    expect(await eventsOf(step.resend)).toMatchObject([{ event: 'code.resent', accountId: person.id }]);
  });

  test('who came in, and how that was proven', async () => {
    const person = await app.person();
    const [completed] = await eventsOf(() => signIn(app, 'login', person));
    expect(completed).toMatchObject({
      event: 'sign-in.completed',
      accountId: person.id,
      factor: null,
      device: null,
      sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      detail: { principal: { kind: 'account', id: person.id }, methods: ['pwd'] },
    });
    const withApp = await app.person({ secondFactor: { totp: SEED } });
    const step = await openStep(app, 'login', withApp);
    const proven = await eventsOf(() => step.prove(totpCode(app.core.clock.now())));
    expect(proven).toMatchObject([
      {
        event: 'sign-in.completed',
        accountId: withApp.id,
        factor: 'otp',
        detail: { methods: ['pwd', 'otp', 'mfa'] },
      },
    ]);
  });

  test('of an installation and of a resource code, too', async () => {
    const installationId = 'installation-of-the-log'.padEnd(32, '0');
    const password = 'password of an installation '.padEnd(40, '.');
    await app.load(
      { kind: 'installation', installationId, password },
      { kind: 'resource', context: 'context', code: 'CODE', maxUses: 0 },
    );
    const at = (type: string, data: object) => () => app.post('/api/v1/auth/sign-in', { type, data });
    expect(await eventsOf(at('mobile-device', { installationId, password }))).toMatchObject([
      { event: 'sign-in.completed', factor: null, detail: { methods: ['pwd'] } },
    ]);
    const [refused] = await eventsOf(at('mobile-device', { installationId, password: '.'.repeat(40) }));
    expect(refused).toMatchObject({ event: 'sign-in.refused', accountId: null, detail: { installationId } });
    expect(await eventsOf(at('resource', { resource: 'voucher::context::code::CODE' }))).toMatchObject([
      { event: 'sign-in.completed', accountId: null, factor: null, detail: { methods: ['code'] } },
    ]);
  });

  test('from which device, where one is told', async () => {
    const careful = await app.person({ recogniseDevices: true, devices: ['known'] });
    const { username, password } = careful;
    const from = (device: string) =>
      app.post('/identity/sign-in', { username, password }, { 'x-fingerprint-id': device });
    const [completed] = await eventsOf(() => from('known'));
    expect(completed).toMatchObject({
      event: 'sign-in.completed',
      device: expect.stringMatching(/^[\w-]{12}$/),
    });
  });

  test('which roles were offered, how many were not, and the one that was picked', async () => {
    const [open, closed] = [await app.organisation(), await app.organisation({ isSuspended: true })];
    const person = await app.person();
    await app.load(
      { kind: 'membership', account: person.id, organisation: open, role: 'Student' },
      { kind: 'membership', account: person.id, organisation: closed, role: 'Teacher' },
    );
    const { email, password } = person;
    let loginToken = '';
    const offered = await eventsOf(async () => {
      const { body } = await app.post('/auth/sign-in-verify', { identity: email, password });
      loginToken = body.result[0][0].loginToken;
    });
    expect(offered).toMatchObject([
      {
        event: 'sign-in.choices-offered',
        accountId: person.id,
        reason: null,
        detail: { accounts: [person.id], granted: 1, refused: 1 },
      },
    ]);
    const picked = await eventsOf(() => app.post('/auth/sign-in', { loginToken, is2FAEnabled: false }));
    expect(picked).toMatchObject([
      { event: 'sign-in.completed', accountId: person.id, organisationId: open },
    ]);
  });

  test('why no role was offered to a right password', async () => {
    const closed = await app.organisation({ isSuspended: true });
    const { id, email, password } = await app.person();
    await app.load({ kind: 'membership', account: id, organisation: closed, role: 'Teacher' });
    const verify = () => app.post('/auth/sign-in-verify', { identity: email, password });
    expect(await eventsOf(verify)).toMatchObject([
      {
        event: 'sign-in.refused',
        accountId: id,
        reason: 'organisation-suspended',
        detail: { accounts: [id], granted: 0, refused: 1 },
      },
    ]);
  });

  test('why a code was refused, and in whose step', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const step = await openStep(app, 'login', person);
    const code = await mailedCode(app, person);
    const wrong = code === '000000' ? '000001' : '000000';
    expect(await eventsOf(() => step.prove(wrong))).toMatchObject([
      { event: 'code.refused', accountId: person.id, reason: 'second-factor' },
    ]);
    expect(accessTokenIn('login', await step.prove(code))).toBeDefined();
    const careful = await app.person({ recogniseDevices: true, devices: ['known'] });
    const device = await openStep(app, 'fingerprint', careful);
    const mailed = await mailedCode(app, careful);
    const guess = mailed === '000000' ? '000001' : '000000';
    const fingerprint = { authorization: `Bearer ${device.ticket}`, 'x-fingerprint-id': 'a-device' };
    expect(
      await eventsOf(() => app.post('/identity/recognize-device', { code: guess }, fingerprint)),
    ).toMatchObject([{ event: 'code.refused', accountId: careful.id, reason: 'device' }]);
  });
});
