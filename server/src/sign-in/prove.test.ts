import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { setAttempts } from '../../testing/attempts.ts';
import { eventsDuring, eventsOf } from '../../testing/audit.ts';
import { carryOut, expectKind, overtakenBy, showCode, showPassword } from '../../testing/carry-out.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { allMailSent } from '../../testing/owner.ts';
import { frozenClock } from '../../testing/ports.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { voidTickets } from '../store/consume.ts';
import { type Command, refused } from './attempt.ts';
import { MOST_WRONG_CODES } from './count-code.ts';
import { isAccountLocked } from './prove.ts';
import { accountKey, factorKey } from './throttle.ts';

const APP = { secondFactor: { totp: SEED } };
const PIN = { secondFactor: { email: true } };
const NO_PIN = { allowEmailPin: false };
const RAISE_EPOCH = 'UPDATE accounts SET epoch = epoch + 1 WHERE id = $1';
const DUE = { recogniseDevices: true, devices: ['known'] };
const INVALID_TICKET = refused('ticket-invalid');
const WRONG_CODE = refused('code-invalid');

describe.each(ENGINES)('a step that is due, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_CHALLENGE_TICKET_SECONDS: '900' }, frozenClock());
    await app.load(...['Guest', 'Clerk'].map((name) => ({ kind: 'role', name })));
  });
  afterAll(() => app.stop());

  const at = (mount: string, command: Command) => carryOut(app, mount, command);
  const appCode = () => totpCode(app.core.clock.now());
  const wrongFor = (code: string) => (code === '000000' ? '000001' : '000000');
  const places = async ({ id }: Person) =>
    (await app.core.store.attempts.state(factorKey(id)))?.inFlight ?? 0;
  const failures = async ({ id }: Person) =>
    (await app.core.store.attempts.state(factorKey(id)))?.failures ?? 0;
  const lastEvent = async ({ id }: Person) => (await eventsOf(app.core, id)).at(-1);
  /** Somebody whose password was shown, and the ticket of what is due. */
  async function begun(
    mount: string,
    fields: Record<string, unknown> = APP,
    fingerprint: string | null = null,
  ) {
    const person = await app.person(fields);
    return { person, ...(await again(mount, person, fingerprint)) };
  }

  async function again(mount: string, person: Person, fingerprint: string | null = null) {
    const { ticket, step } = expectKind(await at(mount, showPassword(person, fingerprint)), 'step-required');
    return { ticket, step };
  }

  const begunAgain = async (person: Person) => (await again('native', person)).ticket;

  /** Somebody without a factor, in a session of a mount, and two roles of theirs: one that asks for a factor, one that does not. */
  async function inSession(mount: string, fields: Record<string, unknown> = {}) {
    const asking = await app.organisation({ settings: { requireSecondFactorFor: ['Clerk'] } });
    const person = await app.person(fields);
    const { tokens } = expectKind(await at(mount, showPassword(person)), 'signed-in');
    await app.load({ kind: 'membership', account: person.id, organisation: asking, role: 'Clerk' });
    return { person, asking, token: tokens.accessToken };
  }

  describe('is taken up', () => {
    test.each([
      ['login', 'login'],
      ['login', 'native'],
      ['profile', 'profile'],
      ['profile', 'native'],
      ['credential-type', 'native'],
      ['fingerprint', 'fingerprint'],
      ['native', 'native'],
    ] as const)('of %s at %s', async (from, by) => {
      const { person, ticket } = await begun(from);
      const outcome = expectKind(await at(by, showCode(ticket, appCode())), 'signed-in');
      expect(outcome).toMatchObject({ mount: from, steppedUp: true });
      const event = await lastEvent(person);
      expect(event?.detail).toMatchObject({ methods: ['pwd', 'otp', 'mfa'] });
      expect(await places(person)).toBe(0);
    });

    test.each([
      ['login', 'profile'],
      ['login', 'fingerprint'],
      ['native', 'login'],
      ['fingerprint', 'native'],
      ['fingerprint', 'login'],
    ] as const)('not of %s at %s, where no code is looked at', async (from, by) => {
      const { person, ticket } = await begun(from);
      expect(await at(by, showCode(ticket, appCode()))).toEqual(INVALID_TICKET);
      expect(await lastEvent(person)).toMatchObject({ event: 'sign-in.step-required' });
      expectKind(await at(from, showCode(ticket, appCode())), 'signed-in');
    });

    test.each(['login', 'fingerprint'])(
      'of a session of %s that goes on in another role, at the native API only',
      async (mount) => {
        const { person, asking, token } = await inSession(mount);
        const command = { kind: 'switch', token, organisation: asking, role: 'Clerk' } as const;
        const { ticket } = expectKind(await at('native', command), 'step-required');
        const code = await app.mail.code(person.email);
        expect(await at(mount, showCode(ticket, code))).toEqual(INVALID_TICKET);
        expect(expectKind(await at('native', showCode(ticket, code)), 'signed-in').mount).toBe(mount);
      },
    );

    test('with the code of the step that an endpoint is for', async () => {
      const { ticket } = await begun('login');
      expect(await at('login', showCode(ticket, appCode(), { step: 'device' }))).toEqual(INVALID_TICKET);
      expectKind(await at('login', showCode(ticket, appCode(), { step: 'second-factor' })), 'signed-in');
    });

    test('from the device that began, where one is asked for', async () => {
      const withDevice = await begun('fingerprint', APP, 'mine');
      const by = (ticket: string, fingerprint: string) =>
        at('fingerprint', showCode(ticket, appCode(), { fingerprint }));
      expect(await by(withDevice.ticket, 'another')).toEqual(INVALID_TICKET);
      expectKind(await by(withDevice.ticket, 'mine'), 'signed-in');
      const without = await begun('fingerprint', APP);
      expect(await by(without.ticket, 'mine')).toEqual(INVALID_TICKET);
    });
  });

  describe('what has come in its way', () => {
    test('is told: an organisation that was suspended, a factor that is missing by now', async () => {
      const organisation = await app.organisation();
      const { ticket } = await begun('login', { ...APP, organisation });
      await app.load({ kind: 'organisation', id: organisation, name: 'x', isSuspended: true });
      expect(await at('login', showCode(ticket, appCode()))).toEqual(refused('organisation-suspended'));
      const home = await app.organisation();
      const { ticket: other, person } = await begun('login', { ...PIN, organisation: home });
      await app.load({ kind: 'organisation', id: home, name: 'x', settings: NO_PIN });
      const code = await app.mail.code(person.email);
      expect(await at('login', showCode(other, code))).toEqual(refused('second-factor-missing'));
      expect(await lastEvent(person)).toMatchObject({ event: 'sign-in.step-required' });
    });

    test('a second factor that is due by now is nothing that a device’s code passes for', async () => {
      const organisation = await app.organisation();
      const person = await app.person(DUE);
      await app.load({ kind: 'membership', account: person.id, organisation, role: 'Clerk' });
      const { ticket } = await again('fingerprint', person, 'new');
      const code = await app.mail.code(person.email);
      const settle = (settings: object) =>
        app.load({ kind: 'organisation', id: organisation, name: 'x', settings });
      await settle({ requireSecondFactorFor: ['Clerk'] });
      expect(await at('fingerprint', showCode(ticket, code))).toEqual(INVALID_TICKET);
      await settle({});
      expectKind(await at('fingerprint', showCode(ticket, code)), 'signed-in');
    });

    test('a factor that is not asked for any more may be shown all the same', async () => {
      const { person, asking } = await inSession('login');
      const { ticket } = await again('login', person);
      const code = await app.mail.code(person.email);
      await app.load({ kind: 'organisation', id: asking, name: 'x', settings: {} });
      expectKind(await at('login', showCode(ticket, code)), 'signed-in');
    });

    test('a lock holds it up until the lock has ended, and nothing is counted', async () => {
      const { person, ticket } = await begun('login');
      const lockedUntil = app.core.clock.now() + 60_000;
      await setAttempts(app.core, accountKey(person.id), { lockedUntil });
      const account = await app.core.store.accounts.byId(person.id);
      if (account === null) throw new Error('the account is gone');
      app.core.clock.advance(59);
      expect(await isAccountLocked(app.app.corridor, account)).toBe(true);
      expect(await at('login', showCode(ticket, appCode()))).toEqual(WRONG_CODE);
      expect(await failures(person)).toBe(0);
      expect(await lastEvent(person)).toMatchObject({ event: 'sign-in.step-required' });
      app.core.clock.advance(1);
      expect(await isAccountLocked(app.app.corridor, account)).toBe(false);
      expectKind(await at('login', showCode(ticket, appCode())), 'signed-in');
      expect(await isAccountLocked(app.app.corridor, { ...account, id: uuid(999_999) })).toBe(false);
    });

    test('wrong codes before it make it wait, on all tickets', async () => {
      const { person, ticket } = await begun('login');
      await setAttempts(app.core, factorKey(person.id), { blockedUntil: app.core.clock.now() + 20_000 });
      expect(await at('login', showCode(ticket, appCode()))).toEqual({
        kind: 'throttled',
        retryAfterSeconds: 20,
      });
      app.core.clock.advance(20);
      expectKind(await at('login', showCode(ticket, appCode())), 'signed-in');
    });

    test('a PIN that may not be mailed any more passes no longer, where an app does', async () => {
      const organisation = await app.organisation();
      const { person, ticket } = await begun('login', {
        secondFactor: { totp: SEED, email: true },
        organisation,
      });
      const code = await app.mail.code(person.email);
      await app.load({ kind: 'organisation', id: organisation, name: 'x', settings: NO_PIN });
      expect(await at('login', showCode(ticket, code))).toEqual(WRONG_CODE);
      expectKind(await at('login', showCode(ticket, appCode())), 'signed-in');
    });

    test.each([
      ['the ticket was spent', ({ id }: Person, now: number) => voidTickets(id, ['prove'], now)],
      ['the account has changed', ({ id }: Person) => ({ sql: RAISE_EPOCH, params: [id] })],
    ] as const)('at the last moment, %s: that is no wrong code, and holds nothing up', async (_, change) => {
      const { person, ticket } = await begun('login');
      const overtaken = overtakenBy(app, () => change(person, app.core.clock.now()));
      expect(await carryOut(app, 'login', showCode(ticket, appCode()), overtaken)).toEqual(INVALID_TICKET);
      expect([await failures(person), await places(person)]).toEqual([0, 0]);
      expect(await lastEvent(person)).toMatchObject({ event: 'sign-in.step-required' });
    });
  });

  describe('a wrong code', () => {
    test.each([
      ['login', APP, 'second-factor', 'totp'],
      ['login', { secondFactor: { totp: SEED, email: true } }, 'second-factor', 'email totp'],
      ['fingerprint', DUE, 'device', 'email'],
    ] as const)('at %s counts once, and is written down: %j', async (mount, fields, reason, factor) => {
      const { person, ticket } = await begun(mount, fields, 'new');
      const code = reason === 'device' ? await app.mail.code(person.email) : appCode();
      expect(await at(mount, showCode(ticket, wrongFor(code)))).toEqual(WRONG_CODE);
      expect(await lastEvent(person)).toMatchObject({ event: 'code.refused', reason, factor, detail: null });
      expect([await failures(person), await places(person)]).toEqual([1, 0]);
      expect((await app.core.store.accounts.byId(person.id))?.failedSignIns).toBe(1);
      expectKind(await at(mount, showCode(ticket, code)), 'signed-in');
      expect([await failures(person), await places(person)]).toEqual([0, 0]);
    });

    test('is one that was used before', async () => {
      const { person, ticket } = await begun('login');
      const other = await again('login', person);
      expectKind(await at('login', showCode(ticket, appCode())), 'signed-in');
      expect(await at('login', showCode(other.ticket, appCode()))).toEqual(WRONG_CODE);
      expect(await lastEvent(person)).toMatchObject({
        event: 'code.refused',
        reason: 'second-factor',
        factor: 'totp',
      });
      expect([await failures(person), await places(person)]).toEqual([1, 0]);
    });

    test('is a passkey’s answer that is none of the account’s', async () => {
      const { person, ticket } = await begun('login');
      const response = {
        id: 'x',
        clientDataJSON: 'e30',
        authenticatorData: 'x',
        signature: 'x',
        userHandle: null,
      };
      const proof = { kind: 'passkey', response } as const;
      const shown = { kind: 'prove', ticket, proof, step: null, fingerprint: null } as const;
      expect(await at('login', shown)).toEqual(WRONG_CODE);
      expect(await lastEvent(person)).toMatchObject({ event: 'code.refused', factor: 'passkey' });
    });

    test('TH-5: after a hundred of them a right one is not looked at', async () => {
      for (const [mount, fields] of [
        ['login', APP],
        ['login', PIN],
        ['fingerprint', DUE],
      ] as const) {
        const { person, ticket } = await begun(mount, fields, 'new');
        const code = fields === APP ? appCode() : await app.mail.code(person.email);
        await setAttempts(app.core, factorKey(person.id), { failures: MOST_WRONG_CODES });
        expect(await at(mount, showCode(ticket, code))).toEqual(WRONG_CODE);
        expect((await lastEvent(person))?.detail).toEqual({ closed: true });
        expect([await failures(person), await places(person)]).toEqual([MOST_WRONG_CODES, 0]);
      }
    });

    test('TH-5: is not forgiven by the code of a device, where a role asks for a factor', async () => {
      const { person, asking } = await inSession('login');
      await app.load({ kind: 'membership', account: person.id, organisation: asking, role: 'Guest' });
      await app.load({ kind: 'account', ...person, password: undefined, recogniseDevices: true });
      await setAttempts(app.core, factorKey(person.id), { failures: 2 });
      const offered = expectKind(await at('role-picker', showPassword(person, null, 'all')), 'choices');
      const of = (name: string) => offered.granted.find(({ role }) => role === name)?.ticket ?? '';
      const guest = expectKind(
        await at('role-picker', { kind: 'pick', ticket: of('Guest') }),
        'step-required',
      );
      expect(guest.step).toBe('device');
      const first = await app.mail.code(person.email);
      expectKind(await at('role-picker', showCode(guest.ticket, first)), 'signed-in');
      expect(await failures(person)).toBe(2);
      const clerk = expectKind(
        await at('role-picker', { kind: 'pick', ticket: of('Clerk') }),
        'step-required',
      );
      const code = await app.mail.code(person.email);
      expectKind(await at('role-picker', showCode(clerk.ticket, code)), 'signed-in');
      expect(await failures(person)).toBe(0);
    });
  });

  describe('once it is passed', () => {
    test('it gives its own place back, and none of another code that is looked at', async () => {
      const { person, ticket } = await begun('login');
      const limit = { maxFailures: 3, waitSeconds: 30, lockAfter: null, forgets: false };
      const other = { key: factorKey(person.id), limit };
      expect((await app.app.corridor.throttle.admit(other, app.core.clock.now())).kind).toBe('held');
      expectKind(await at('login', showCode(ticket, appCode())), 'signed-in');
      expect(await places(person)).toBe(1);
    });

    test('the device is known that it began on', async () => {
      const { person, ticket } = await begun('fingerprint', DUE, 'new');
      const code = await app.mail.code(person.email);
      expectKind(await at('fingerprint', showCode(ticket, code)), 'signed-in');
      expect((await lastEvent(person))?.detail).toMatchObject({ methods: ['pwd', 'email'] });
      expect(await app.core.store.devices.ofAccount(person.id)).toHaveLength(2);
      expectKind(await at('fingerprint', showPassword(person, 'new')), 'signed-in');
    });

    /** What became of the sessions of an account that are over. */
    const endsOf = async ({ id }: Person) =>
      (await app.core.store.revocations.after(0, 0, 10_000))
        .filter(({ principal }) => principal.id === id)
        .map(({ reason }) => reason);

    test('the session has ended that it was to go on from in another role, and nothing goes on from it twice', async () => {
      const { person, asking, token } = await inSession('native');
      const steps: { ticket: string; code: string }[] = [];
      for (let each = 0; each < 2; each += 1) {
        const command = { kind: 'switch', token, organisation: asking, role: 'Clerk' } as const;
        const { ticket } = expectKind(await at('native', command), 'step-required');
        steps.push({ ticket, code: await app.mail.code(person.email) });
      }
      expect(await endsOf(person)).toEqual([]);
      const [one, other] = await Promise.all(
        steps.map(({ ticket, code }) => at('native', showCode(ticket, code))),
      );
      expect([one?.kind, other?.kind].sort()).toEqual(['refused', 'signed-in']);
      expect([one, other]).toContainEqual(INVALID_TICKET);
      expect(await endsOf(person)).toEqual(['switched-role']);
      expect([await failures(person), await places(person)]).toEqual([0, 0]);
    });

    test('by a recovery code, its owner is told at once, and that is written down; by another code nothing is', async () => {
      let woken = 0;
      const mailQueued = () => {
        woken += 1;
        app.app.corridor.mailQueued();
      };
      const prove = (ticket: string, code: string) =>
        carryOut(app, 'native', showCode(ticket, code), { ...app.app.corridor, mailQueued });
      for (const fields of [APP, { ...APP, email: null, emailValidated: false }]) {
        const { person, ticket } = await begun('native', fields);
        const events = await eventsDuring(app.core, () => prove(ticket, appCode()));
        expect(events.map(({ event }) => event)).toEqual(['sign-in.completed']);
        expect(woken).toBe(0);
        app.core.clock.advance(30);
        const again = await begunAgain(person);
        const { tokens } = expectKind(await at('native', showCode(again, appCode())), 'signed-in');
        const renewed = await at('native', { kind: 'renew-recovery-codes', token: tokens.accessToken });
        const [code = ''] = expectKind(renewed, 'recovery-codes').codes;
        const last = await begunAgain(person);
        const written = await eventsDuring(app.core, () => prove(last, code));
        expect(written).toMatchObject([
          { event: 'recovery-code.used', accountId: person.id, factor: 'recovery', detail: { left: 9 } },
          { event: 'sign-in.completed' },
        ]);
        expect(woken).toBe(1);
        woken = 0;
        await allMailSent(app);
        const told = app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email));
        expect(told.filter(({ text }) => /a recovery code was used/i.test(text ?? '')).length > 0).toBe(
          fields === APP,
        );
      }
    });

    test('the session has ended that was proven again', async () => {
      const { person, ticket } = await begun('native');
      const { tokens } = expectKind(await at('native', showCode(ticket, appCode())), 'signed-in');
      app.core.clock.advance(30);
      const command = { kind: 'prove-again', token: tokens.accessToken, password: person.password } as const;
      const step = expectKind(await at('native', command), 'step-required');
      expect(await endsOf(person)).toEqual([]);
      expectKind(await at('native', showCode(step.ticket, appCode())), 'signed-in');
      expect(await endsOf(person)).toEqual(['proven-again']);
    });
  });

  describe('a code once more', () => {
    const resend = (mount: string, ticket: string) => at(mount, { kind: 'resend', ticket });
    const mailsTo = async ({ email }: Person) => {
      await allMailSent(app);
      return app.mail.delivered.filter(({ recipients }) => recipients.includes(email)).length;
    };

    test.each([
      ['login', PIN],
      ['fingerprint', DUE],
    ] as const)('at %s is mailed half a minute after the last one and no sooner', async (mount, fields) => {
      const { person, ticket } = await begun(mount, fields, 'new');
      const first = await app.mail.code(person.email);
      app.core.clock.advance(29.999);
      expect(await resend(mount, ticket)).toEqual({ kind: 'resent' });
      expect(await mailsTo(person)).toBe(1);
      expect(await lastEvent(person)).toMatchObject({ event: 'sign-in.step-required' });
      app.core.clock.advance(0.001);
      expect(await resend(mount, ticket)).toEqual({ kind: 'resent' });
      const second = await app.mail.code(person.email);
      expect(await lastEvent(person)).toMatchObject({
        event: 'code.resent',
        accountId: person.id,
        factor: 'email',
      });
      expect(await resend(mount, ticket)).toEqual({ kind: 'resent' });
      expect(await mailsTo(person)).toBe(2);
      expect(await at(mount, showCode(ticket, first))).toEqual(WRONG_CODE);
      expectKind(await at(mount, showCode(ticket, second)), 'signed-in');
    });

    test('of many askings at once is mailed once', async () => {
      const { person, ticket } = await begun('login', PIN);
      await app.mail.code(person.email);
      app.core.clock.advance(30);
      await Promise.all(Array.from({ length: 5 }, () => resend('login', ticket)));
      expect(await mailsTo(person)).toBe(2);
    });

    test('is mailed at once, and nobody is woken for none', async () => {
      const { person, ticket } = await begun('login', PIN);
      let woken = 0;
      const mailQueued = () => {
        woken += 1;
      };
      const corridor = { ...app.app.corridor, mailQueued };
      const again = () => carryOut(app, 'login', { kind: 'resend', ticket }, corridor);
      await again();
      expect(woken).toBe(0);
      app.core.clock.advance(30);
      await again();
      expect(woken).toBe(1);
      expect(await mailsTo(person)).toBe(2);
    });

    test.each([
      ['of an app has none to send', APP, async () => undefined],
      [
        'that is forbidden by now is not sent',
        PIN,
        (organisation: string) =>
          app.load({ kind: 'organisation', id: organisation, name: 'x', settings: NO_PIN }),
      ],
    ] as const)('%s', async (_, fields, meanwhile) => {
      const organisation = await app.organisation();
      const { person, ticket } = await begun('login', { ...fields, organisation });
      const before = await mailsTo(person);
      await meanwhile(organisation);
      app.core.clock.advance(31);
      expect(await resend('login', ticket)).toEqual({ kind: 'resent' });
      expect(await mailsTo(person)).toBe(before);
      expect(await lastEvent(person)).toMatchObject({ event: 'sign-in.step-required' });
    });

    test('is asked for with a ticket of this door that is alive', async () => {
      const { person, ticket } = await begun('login', PIN);
      app.core.clock.advance(31);
      expect(await resend('profile', ticket)).toEqual(INVALID_TICKET);
      expect(await resend('login', 'none')).toEqual(INVALID_TICKET);
      expect(await mailsTo(person)).toBe(1);
      await resend('native', ticket);
      expect(await mailsTo(person)).toBe(2);
      app.core.clock.advance(900 - 31);
      expect(await resend('login', ticket)).toEqual(INVALID_TICKET);
    });
  });
});
