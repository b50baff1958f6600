import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { attemptAt, expectKind } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { holder, NO_FACTORS } from '../../testing/holder.ts';
import { frozenClock } from '../../testing/ports.ts';
import { SEED } from '../../testing/totp.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceName, deviceOf } from '../accounts/fingerprint.ts';
import { secretHash } from '../crypto/vault.ts';
import { consumeTicket } from '../store/consume.ts';
import { countTicketAttempt, TICKET_ATTEMPTS } from '../store/count-attempt.ts';
import { issueTicket, type TicketPurpose } from '../store/tickets.ts';
import { refused } from './attempt.ts';
import { drawTicket, factorAskedFor, openStep, readTicket } from './ticket.ts';

const TICKET_SECONDS = 900;

describe.each(ENGINES)('a ticket, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    const settings = {
      LATCHKEY_CHALLENGE_TICKET_SECONDS: String(TICKET_SECONDS),
      LATCHKEY_CHALLENGE_PIN_SECONDS: '300',
      LATCHKEY_PUBLIC_URL: 'https://id.example.com',
    };
    app = await startApp(engine, settings, frozenClock());
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  async function somebody(fields: Record<string, unknown> = {}): Promise<AccountWithMemberships> {
    const { id } = await app.person(fields);
    return (await app.core.store.accounts.byId(id)) as AccountWithMemberships;
  }

  const draw = (
    mount: string,
    account: AccountWithMemberships,
    more: Partial<Parameters<typeof drawTicket>[2]> = {},
  ) =>
    drawTicket(app.app.corridor, attemptAt(app, mount), { purpose: 'prove', account, picked: null, ...more });

  /** A ticket that was handed out, by what its client has of it. */
  async function handOut(mount: string, account: AccountWithMemberships, purpose: TicketPurpose = 'prove') {
    const fresh = draw(mount, account, { purpose });
    await app.core.store.commit([issueTicket(fresh.ticket)]);
    return fresh;
  }

  const read = (
    presented: string,
    purposes: readonly TicketPurpose[] = ['prove', 'pick'],
    takes: Parameters<typeof readTicket>[2]['takes'] = () => true,
  ) => readTicket(app.app.corridor, presented, { purposes, takes });

  describe('that is drawn', () => {
    test('is for an account in its epoch, at a mount, and for a while', async () => {
      const account = await somebody();
      const now = app.core.clock.now();
      expect(draw('login', account).ticket).toEqual({
        secretHash: expect.any(String),
        purpose: 'prove',
        mount: 'login',
        accountId: account.id,
        epoch: account.epoch,
        membership: null,
        sessionId: null,
        step: null,
        device: null,
        code: null,
        payloadSealed: null,
        attempts: 0,
        createdAt: now,
        expiresAt: now + TICKET_SECONDS * 1000,
        consumedAt: null,
      });
    });

    test('has what it is bound to, what it carries being sealed', async () => {
      const account = await somebody();
      const bound = {
        purpose: 'change-email' as const,
        picked: { organisationId: null, role: 'Student' },
        step: 'device' as const,
        device: deviceOf(account.id, 'a device', app.core.vault),
        sessionId: 'a-session',
        lifeSeconds: 7,
      };
      const { ticket } = draw('login', account, { ...bound, payload: 'a secret' });
      const { purpose, picked, step, device, sessionId } = bound;
      expect(ticket).toMatchObject({ purpose, membership: picked, step, device, sessionId });
      expect(ticket.expiresAt).toBe(app.core.clock.now() + 7000);
      expect(ticket.payloadSealed).not.toContain('a secret');
      expect(app.core.vault.unseal('change-email', ticket.payloadSealed ?? '')).toBe('a secret');
    });

    test.each([
      ['login', 'prove', /^[\w-]{43,79}$/],
      ['role-picker', 'pick', /^[a-zA-Z0-9]{80}$/],
      ['role-picker', 'prove', /^[a-zA-Z0-9]{80}$/],
      ['role-picker', 'switch', /^[\w-]{43,79}$/],
      ['login', 'pick', /^[\w-]{43,79}$/],
      ['fingerprint', 'prove', /^[\w-]+\.[\w-]+\.[\w-]+$/],
      ['fingerprint', 'pick', /^[\w-]+\.[\w-]+\.[\w-]+$/],
      ['fingerprint', 'prove-again', /^[\w-]{43,}$/],
      ['profile', 'resend-validation', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
      ['fingerprint', 'resend-validation', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
    ] as const)('at %s, to %s, looks as its client expects', async (mount, purpose, form) => {
      const account = await somebody();
      const [one, other] = [draw(mount, account, { purpose }), draw(mount, account, { purpose })];
      expect(one.onWire).toMatch(form);
      expect(one.onWire).not.toBe(other.onWire);
      const isPlain = !one.onWire.includes('.');
      expect(one.ticket.secretHash === secretHash(one.onWire)).toBe(isPlain);
    });
  });

  describe('that is shown', () => {
    test.each(['login', 'fingerprint', 'role-picker'])('at %s leads to its account', async (mount) => {
      const account = await somebody();
      const { onWire, ticket } = await handOut(mount, account);
      const taken = await read(onWire);
      expect(taken?.ticket).toEqual(ticket);
      expect(taken?.account.id).toBe(account.id);
      expect(taken?.mount.name).toBe(mount);
    });

    test('is nothing to another purpose, nor where its mount and purpose are not taken', async () => {
      const { onWire } = await handOut('login', await somebody());
      expect(await read(onWire, ['pick', 'switch'])).toBeNull();
      expect(await read(onWire, ['prove'], ({ name }) => name !== 'login')).toBeNull();
      expect(await read(onWire, ['prove'], (_, purpose) => purpose !== 'prove')).toBeNull();
      expect(await read(onWire, ['prove'])).not.toBeNull();
    });

    test('is nothing when it was made up, or its mount is served no more', async () => {
      const account = await somebody();
      expect(await read('made-up')).toBeNull();
      expect(await read('made.up.twice')).toBeNull();
      const fresh = draw('login', account);
      await app.core.store.commit([issueTicket({ ...fresh.ticket, mount: 'login@/gone' })]);
      expect(await read(fresh.onWire)).toBeNull();
    });

    test('inside a JWT is taken inside that only, and the other way round', async () => {
      const account = await somebody();
      const { stepUpTokens, random } = app.app.corridor;
      const times = { issuedAt: app.core.clock.now(), expiresAt: app.core.clock.now() + 60_000 };
      const secret = random.bytes(32).toString('base64url');
      const wrapped = draw('fingerprint', account);
      await app.core.store.commit([issueTicket({ ...wrapped.ticket, secretHash: secretHash(secret) })]);
      expect(await read(secret)).toBeNull();
      expect(await read(stepUpTokens.issue(secret, times))).not.toBeNull();
      const plain = await handOut('login', account);
      expect(await read(stepUpTokens.issue(plain.onWire, times))).toBeNull();
      expect(await read(plain.onWire)).not.toBeNull();
    });

    test('is good until it ends, and no longer', async () => {
      const { onWire } = await handOut('login', await somebody());
      app.core.clock.advance(TICKET_SECONDS - 0.001);
      expect(await read(onWire)).not.toBeNull();
      app.core.clock.advance(0.001);
      expect(await read(onWire)).toBeNull();
    });

    test('is good for so many tries', async () => {
      const { onWire, ticket } = await handOut('login', await somebody());
      const tryOnce = () =>
        app.core.store.commit([countTicketAttempt(ticket.secretHash, app.core.clock.now())]);
      for (let each = 1; each < TICKET_ATTEMPTS; each += 1) await tryOnce();
      expect(await read(onWire)).not.toBeNull();
      await tryOnce();
      expect(await read(onWire)).toBeNull();
    });

    test('is good once, and only in the epoch that it was handed out in', async () => {
      const account = await somebody();
      const spent = await handOut('login', account);
      await app.core.store.commit([consumeTicket(spent.ticket.secretHash, app.core.clock.now())]);
      expect(await read(spent.onWire)).toBeNull();
      const { onWire } = await handOut('login', { ...account, epoch: account.epoch + 1 });
      expect(await read(onWire)).toBeNull();
    });
  });

  describe('of a step', () => {
    const open = (
      mount: string,
      account: AccountWithMemberships,
      step: 'device' | 'second-factor',
      more: Partial<Parameters<typeof openStep>[2]> = {},
      successor?: Parameters<typeof openStep>[4],
    ) => {
      const passage = { account, picked: null, device: null, spends: [], settles: [], ...more };
      return openStep(app.app.corridor, attemptAt(app, mount), passage, step, successor);
    };
    const lastEvent = async ({ id }: AccountWithMemberships) => (await eventsOf(app.core, id)).at(-1);

    test.each([
      ['device', /device/i],
      ['second-factor', /sign-in/i],
    ] as const)(
      '%s has a code mailed, which says what it is for and is good for its own while',
      async (step, subject) => {
        const account = await somebody({ secondFactor: { email: true } });
        const { ticket, at } = expectKind(await open('login', account, step), 'step-required');
        const mail = await app.mail.next(account.email ?? '');
        expect(mail.subject).toMatch(subject);
        const kept = (await read(ticket))?.ticket;
        expect(kept).toMatchObject({ step, code: { sentAt: at, expiresAt: at + 300_000 } });
        expect(await lastEvent(account)).toMatchObject({
          event: 'sign-in.step-required',
          reason: step,
          factor: 'email',
          device: null,
          organisationId: null,
          detail: { mailed: true },
        });
      },
    );

    test('of a device has one mailed also where none may be mailed for a second factor', async () => {
      const organisation = await app.organisation({ settings: { allowEmailPin: false } });
      const account = await somebody({ organisation });
      const { ticket } = expectKind(await open('login', account, 'device'), 'step-required');
      expect((await read(ticket))?.ticket.code).not.toBeNull();
      const other = expectKind(await open('login', account, 'second-factor'), 'step-required');
      expect((await read(other.ticket))?.ticket.code).toBeNull();
    });

    test('wakes those who send mail when there is some, and nobody otherwise', async () => {
      let woken = 0;
      const mailQueued = () => {
        woken += 1;
      };
      const corridor = { ...app.app.corridor, mailQueued };
      for (const [fields, times] of [
        [{ secondFactor: { email: true } }, 1],
        [{ secondFactor: { totp: SEED } }, 0],
      ] as const) {
        const account = await somebody(fields);
        const passage = { account, picked: null, device: null, spends: [], settles: [] };
        woken = 0;
        await openStep(corridor, attemptAt(app, 'login'), passage, 'second-factor');
        expect(woken).toBe(times);
      }
    });

    test('has none where the account has an app, nor where it has no address', async () => {
      for (const [fields, factor] of [
        [{ secondFactor: { totp: SEED } }, 'totp'],
        [{ email: null, emailValidated: false }, 'recovery-codes'],
      ] as const) {
        const account = await somebody(fields);
        const { ticket } = expectKind(await open('login', account, 'second-factor'), 'step-required');
        expect((await read(ticket))?.ticket.code).toBeNull();
        expect(await lastEvent(account)).toMatchObject({ factor, detail: { mailed: false } });
      }
    });

    test('knows the role and the device, and so does the audit log', async () => {
      const organisation = await app.organisation();
      const account = await somebody();
      const device = deviceOf(account.id, 'a device', app.core.vault);
      const picked = { organisationId: organisation, role: 'Student' };
      const outcome = expectKind(
        await open('role-picker', account, 'device', { picked, device }),
        'step-required',
      );
      expect((await read(outcome.ticket))?.ticket).toMatchObject({
        membership: picked,
        device: { fingerprintHash: device.fingerprintHash, fingerprintSealed: device.fingerprintSealed },
      });
      expect(outcome.view.account.id).toBe(account.id);
      expect(await lastEvent(account)).toMatchObject({
        organisationId: organisation,
        device: deviceName(device.fingerprintHash),
      });
    });

    test('says which session ends with it', async () => {
      const account = await somebody();
      const successor = { purpose: 'switch', sessionId: 'a-session' } as const;
      const outcome = expectKind(
        await open('login', account, 'second-factor', {}, successor),
        'step-required',
      );
      expect(await read(outcome.ticket)).toBeNull();
      expect((await read(outcome.ticket, ['switch']))?.ticket.sessionId).toBe('a-session');
    });

    test('has a decoy beside it where it is inside a JWT, which opens nothing', async () => {
      const account = await somebody({ secondFactor: { totp: SEED } });
      const jwt = expectKind(await open('fingerprint', account, 'second-factor'), 'step-required');
      expect(jwt.decoy).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
      expect(await read(jwt.ticket)).not.toBeNull();
      expect(await read(jwt.decoy)).toBeNull();
      expect(expectKind(await open('login', account, 'second-factor'), 'step-required').decoy).toBe('');
      const successor = { purpose: 'prove-again', sessionId: 'a-session' } as const;
      const again = await open('fingerprint', account, 'second-factor', {}, successor);
      expect(expectKind(again, 'step-required').decoy).toBe('');
    });

    test('is not handed out when what it goes on from was spent, and nothing is mailed then', async () => {
      const account = await somebody({ secondFactor: { email: true } });
      const { ticket } = await handOut('role-picker', account, 'pick');
      const spends = [consumeTicket(ticket.secretHash, app.core.clock.now())];
      expectKind(await open('role-picker', account, 'second-factor', { spends }), 'step-required');
      expect(await open('role-picker', account, 'second-factor', { spends })).toEqual(
        refused('ticket-invalid'),
      );
      expect((await eventsOf(app.core, account.id)).map(({ event }) => event)).toEqual([
        'sign-in.step-required',
      ]);
    });

    test('gives back what was counted', async () => {
      const account = await somebody();
      const settles = [
        { sql: 'UPDATE accounts SET failed_sign_ins = 7 WHERE id = $1', params: [account.id] },
      ];
      await open('login', account, 'second-factor', { settles });
      expect((await app.core.store.accounts.byId(account.id))?.failedSignIns).toBe(7);
    });
  });
});

test('what passes for a step is what was mailed, and what the account has', () => {
  const asked = (
    factors: Partial<typeof NO_FACTORS>,
    ...[step, isMailed]: ['device' | 'second-factor' | null, boolean]
  ) => factorAskedFor(holder({ factors: { ...NO_FACTORS, ...factors } }), step, isMailed);
  const everything = { email: true, totpSealed: 'sealed', hasPasskey: true };
  expect(asked(everything, 'second-factor', true)).toBe('email totp passkey');
  expect(asked(everything, 'second-factor', false)).toBe('totp passkey');
  expect(asked(everything, 'device', true)).toBe('email');
  expect(asked({}, 'device', false)).toBe('email');
  expect(asked({ totpSealed: 'sealed' }, null, false)).toBe('totp');
  expect(asked({ hasPasskey: true }, 'second-factor', false)).toBe('passkey');
  expect(asked({}, 'second-factor', false)).toBe('recovery-codes');
});
