import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { oathtoolCode } from '../../testing/oathtool.ts';
import { asOwner, mailedCode, type SignedInOwner } from '../../testing/owner.ts';
import type { AuditEvent } from '../audit/event.ts';

const ORGANISATION = '00000000-0000-4000-8000-00000000ad17';
const LAPTOP = 'the laptop of somebody';

/** What is known of each event at a door of an organisation, from a client that tells devices apart. */
const KNOWN: readonly (readonly [
  event: AuditEvent['event'],
  reason: string | null,
  factor: string | null,
  session: 'session' | null,
])[] = [
  ['sign-in.refused', 'wrong-password', null, null],
  ['sign-in.step-required', 'device', 'email', null],
  ['code.refused', 'device', 'email', null],
  ['code.resent', null, 'email', null],
  ['sign-in.completed', null, 'email', 'session'],
  ['sign-in.refused', 'wrong-password', null, 'session'],
  ['address.code-asked', null, null, 'session'],
  ['code.refused', 'address', 'email', 'session'],
  ['address.validated', null, null, 'session'],
  ['code.refused', 'enrolment', 'totp', 'session'],
  ['factor.added', null, 'totp', 'session'],
  ['password.changed', null, null, 'session'],
  ['factor.added', null, 'recovery-codes', 'session'],
  ['factor.removed', null, 'totp', 'session'],
  ['session.others-ended', null, null, 'session'],
  ['session.refresh-refused', 'session-ended', null, 'session'],
  ['session.signed-out', null, null, 'session'],
];

describe.each(ENGINES)('what is written down of a credential, on %s', (engine) => {
  let app: TestApp;
  let person: Person;
  let events: readonly AuditEvent[];
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'fingerprint', organisation: ORGANISATION }]),
    });
    await app.load({ kind: 'organisation', id: ORGANISATION, name: 'Heron Works' });
    person = await app.person({ recogniseDevices: true, devices: ['another'], organisation: ORGANISATION });
    const owner = await signIn();
    await proveAddress(owner);
    await changeFactors(owner);
    await leave(owner);
    events = await eventsOf(app.core, person.id);
  });
  afterAll(() => app.stop());

  const now = () => app.core.clock.now();
  const device = { 'x-fingerprint-id': LAPTOP };
  const wrong = (code: string) => (code === '000000' ? '000001' : '000000');
  const begin = (password: string) =>
    app.post('/identity/sign-in', { username: person.username, password }, device);

  async function signIn(): Promise<SignedInOwner> {
    await begin('a wrong password');
    const { token } = (await begin(person.password)).body.data;
    const authorization = { authorization: `Bearer ${token}` };
    const prove = (code: string) =>
      app.post('/identity/recognize-device', { code }, { ...authorization, ...device });
    await prove(wrong(await mailedCode(app, person)));
    app.core.clock.advance(31);
    expect((await app.post('/accounts/resend-code', {}, authorization)).status).toBe(200);
    const { data } = (await prove(await mailedCode(app, person))).body;
    return asOwner(app, { accessToken: data.token, refreshToken: data.refreshToken });
  }

  async function proveAddress(owner: SignedInOwner): Promise<void> {
    const asked = { currentPassword: 'a wrong password', password: 'another good password' };
    await owner.call('POST', '/v1/password/change', asked);
    const { challenge_token } = (await owner.call('POST', '/v1/email/validate', {})).body;
    const code = await mailedCode(app, person);
    const confirm = (typed: string) =>
      owner.call('POST', '/v1/email/confirm', { challenge_token, code: typed });
    await confirm(wrong(code));
    expect((await confirm(code)).status).toBe(204);
  }

  async function changeFactors(owner: SignedInOwner): Promise<void> {
    const { challenge_token, secret } = (await owner.call('POST', '/v1/factors/totp', {})).body;
    const code = oathtoolCode(secret, now());
    const confirm = (typed: string) =>
      owner.call('POST', '/v1/factors/totp/confirm', { challenge_token, code: typed });
    await confirm(wrong(code));
    expect((await confirm(code)).status).toBe(200);
    const asked = { currentPassword: person.password, password: 'another good password' };
    expect((await owner.call('POST', '/v1/password/change', asked)).status).toBe(204);
    expect((await owner.call('POST', '/v1/factors/recovery-codes', {})).status).toBe(201);
    expect((await owner.call('DELETE', '/v1/factors/totp')).status).toBe(204);
  }

  async function leave(owner: SignedInOwner): Promise<void> {
    await owner.call('DELETE', '/v1/sessions');
    await owner.call('POST', '/v1/sign-out', {});
    const { accessToken, refreshToken } = owner;
    const headers = { authorization: `Bearer ${accessToken}` };
    await app.post('/identity/refresh-token', { refreshToken }, headers);
  }

  test('LG-2: has its reason, factor, organisation, device and session, as far as there are any', () => {
    const completed = events.find(({ event }) => event === 'sign-in.completed');
    expect(completed?.device).toMatch(/^[\w-]{12}$/);
    const told = events.map(({ event, reason, factor, sessionId }) => [
      event,
      reason,
      factor,
      sessionId && 'session',
    ]);
    expect(told).toEqual(expect.arrayContaining([...KNOWN]));
    for (const event of events) {
      const session = event.sessionId === null ? null : completed?.sessionId;
      expect(event, JSON.stringify(event)).toMatchObject({
        actor: 'client',
        accountId: person.id,
        organisationId: ORGANISATION,
        mount: expect.stringMatching(/./),
        contract: expect.stringMatching(/^(fingerprint|native)$/),
        device: completed?.device,
        sessionId: session,
        address: '127.0.0.1',
        requestId: expect.stringMatching(/^[0-9a-f]{16}$/),
      });
    }
    expect(JSON.stringify(events)).not.toContain(LAPTOP);
  });

  test('LG-2: has the factors that are asked for, and the one that was wrong', async () => {
    const other = await app.person({
      secondFactor: { totp: 'JBSWY3DPEHPK3PXP' },
      organisation: ORGANISATION,
    });
    const { username, password } = other;
    const { token } = (await app.post('/identity/sign-in', { username, password }, device)).body.data;
    await app.post('/accounts/verify-2fa', { code: 'xxxxxx' }, { authorization: `Bearer ${token}` });
    const known = {
      organisationId: ORGANISATION,
      device: expect.stringMatching(/^[\w-]{12}$/),
      factor: 'totp',
    };
    expect(await eventsOf(app.core, other.id)).toMatchObject([
      { ...known, event: 'sign-in.step-required', reason: 'second-factor' },
      { ...known, event: 'code.refused', reason: 'second-factor' },
    ]);
  });
});
