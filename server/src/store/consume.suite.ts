import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import type { ENGINES } from '../../testing/engines.ts';
import { resourceCodeHash } from '../accounts/resource-code.ts';
import { setAccountStatus } from './accounts.ts';
import {
  consumeChallenge,
  consumePasskeyCounter,
  consumeRecoveryCode,
  consumeRefresh,
  consumeResourceCode,
  consumeTicket,
  consumeTotpStep,
  raiseTotpStep,
} from './consume.ts';
import { countTicketAttempt, TICKET_ATTEMPTS } from './count-attempt.ts';
import { CUT_OFF_FACT, stateCutOff } from './cut-off.ts';
import type { Change } from './engine.ts';
import { forgetFact } from './facts.ts';
import { addPasskey, removePasskey } from './passkeys.ts';
import { replaceRecoveryCodes } from './recovery-codes.ts';
import { endSession, insertSession, type Session } from './sessions.ts';
import { issueTicket, type Ticket } from './tickets.ts';

const CALLERS = 50;
const ACCOUNT = uuid(1);

/** Whatever can be spent is spent once, by one of any number of callers, and never when it is dead. */
export function consumeSuite(engine: (typeof ENGINES)[number]): void {
  let core: TestCore;
  let count = 0;
  beforeAll(async () => {
    core = await openTestCore(engine);
    await loadDirectory(core, [{ kind: 'account', id: ACCOUNT, username: 'ada' }]);
  });
  afterAll(() => core.close());
  beforeEach(() => {
    count += 1;
  });

  /** How many of fifty callers, all let go at once, got it. */
  async function winners(change: () => Change): Promise<number> {
    const gate = Promise.withResolvers<void>();
    const callers = Array.from({ length: CALLERS }, async () => {
      // Each has looked at what is there before any of them writes.
      await core.store.ping();
      await gate.promise;
      return core.store.commit([change()]);
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    gate.resolve();
    return (await Promise.all(callers)).filter((committed) => committed.ok).length;
  }

  async function addCode(fields: object): Promise<() => Change> {
    const code = `CODE${count}`;
    await loadDirectory(core, [{ kind: 'resource', context: 'test', code, ...fields }]);
    return () => consumeResourceCode('test', resourceCodeHash(core.vault, 'test', code), core.clock.now());
  }

  async function addTicket(fields: Partial<Ticket> = {}): Promise<string> {
    const now = core.clock.now();
    const ticket: Ticket = {
      secretHash: `ticket-${count}`,
      purpose: 'prove',
      mount: 'profile',
      accountId: ACCOUNT,
      epoch: (await core.store.accounts.byId(ACCOUNT))?.epoch ?? 0,
      membership: null,
      sessionId: null,
      payloadSealed: null,
      step: 'second-factor',
      device: null,
      code: null,
      attempts: 0,
      createdAt: now,
      expiresAt: now + 60_000,
      consumedAt: null,
      ...fields,
    };
    await core.store.commit([issueTicket(ticket)]);
    return ticket.secretHash;
  }

  test('a code with one use goes to one of fifty', async () => {
    expect(await winners(await addCode({ maxUses: 1 }))).toBe(1);
  });

  test('a code with seven uses goes to seven of fifty', async () => {
    expect(await winners(await addCode({ maxUses: 7 }))).toBe(7);
  });

  test('a code without a limit goes to everybody', async () => {
    expect(await winners(await addCode({ maxUses: 0 }))).toBe(CALLERS);
  });

  test('a code that was revoked, has expired, or has another spelling goes to nobody', async () => {
    expect(await winners(await addCode({ maxUses: 0, revoked: true }))).toBe(0);
    count += 1;
    expect(await winners(await addCode({ maxUses: 0, expiresAt: '2020-01-01T00:00:00.000Z' }))).toBe(0);
    count += 1;
    await addCode({ maxUses: 0 });
    const hash = resourceCodeHash(core.vault, 'test', `code${count}`);
    expect(await winners(() => consumeResourceCode('test', hash, core.clock.now()))).toBe(0);
  });

  test('a ticket goes to one of fifty', async () => {
    const ticket = await addTicket();
    expect(await winners(() => consumeTicket(ticket, core.clock.now()))).toBe(1);
  });

  test('a ticket that has expired, or whose account has changed its epoch, goes to nobody', async () => {
    const expired = await addTicket({ expiresAt: core.clock.now() - 1 });
    expect(await winners(() => consumeTicket(expired, core.clock.now()))).toBe(0);
    count += 1;
    const ticket = await addTicket();
    await core.store.commit(setAccountStatus(ACCOUNT, 'inactive', core.clock.now()));
    await core.store.commit(setAccountStatus(ACCOUNT, 'active', core.clock.now()));
    expect(await winners(() => consumeTicket(ticket, core.clock.now()))).toBe(0);
  });

  test('a ticket takes five tries and no more', async () => {
    const ticket = await addTicket();
    expect(await winners(() => countTicketAttempt(ticket, core.clock.now()))).toBe(TICKET_ATTEMPTS);
  });

  test('a time step is used once, and no earlier one after it', async () => {
    expect(await winners(() => consumeTotpStep(ACCOUNT, 1000))).toBe(1);
    expect(await winners(() => consumeTotpStep(ACCOUNT, 999))).toBe(0);
    expect(await winners(() => consumeTotpStep(ACCOUNT, 1001))).toBe(1);
  });

  test('a challenge that nothing stands for is answered once', async () => {
    const hash = `challenge-${count}`;
    expect(await winners(() => consumeChallenge(hash, core.clock.now() + 1000, 1))).toBe(1);
    expect(await winners(() => consumeChallenge(hash, core.clock.now() + 2000, 1))).toBe(0);
  });

  test('a challenge that was made before a cut-off goes to nobody, one that is made after it is answered', async () => {
    const at = core.clock.now();
    await core.store.commit([stateCutOff(at)]);
    expect(await winners(() => consumeChallenge(`before-${count}`, at + 300_000, 300))).toBe(0);
    expect(await winners(() => consumeChallenge(`after-${count}`, at + 300_001, 300))).toBe(1);
    expect(await winners(() => consumeChallenge(`short-${count}`, at + 60_001, 60))).toBe(1);
    await core.store.commit([forgetFact(CUT_OFF_FACT)]);
  });

  async function addKey(counter: number): Promise<(next: number, accountId?: string) => () => Change> {
    const id = `passkey-${count}`;
    const key = { id, accountId: ACCOUNT, publicKey: 'x', counter, transports: [], name: null };
    const made = { deviceType: 'singleDevice', isBackedUp: false, createdAt: 1, lastUsedAt: null } as const;
    await core.store.commit([addPasskey({ ...key, ...made })]);
    return (next, accountId = ACCOUNT) =>
      () =>
        consumePasskeyCounter({ credentialId: id, accountId, counter: next, isBackedUp: false, at: 2 });
  }

  test('a counter of a passkey rises to a number once, and never falls', async () => {
    const spend = await addKey(3);
    expect(await winners(spend(3))).toBe(0);
    expect(await winners(spend(5))).toBe(1);
    expect(await winners(spend(4))).toBe(0);
    expect(await winners(spend(0))).toBe(0);
    expect(await winners(spend(4_294_967_295))).toBe(1);
  });

  test('a passkey that does not count is used by everybody, until it begins to', async () => {
    const spend = await addKey(0);
    expect(await winners(spend(0))).toBe(CALLERS);
    expect(await winners(spend(1))).toBe(1);
    expect(await winners(spend(0))).toBe(0);
  });

  test('a passkey of another account, or that was removed, is used by nobody', async () => {
    const spend = await addKey(0);
    expect(await winners(spend(0, uuid(2)))).toBe(0);
    await core.store.commit([removePasskey(ACCOUNT, `passkey-${count}`)]);
    expect(await winners(spend(0))).toBe(0);
  });

  test('a recovery code goes to one of fifty, and one that is not the account’s to nobody', async () => {
    await core.store.commit(replaceRecoveryCodes(ACCOUNT, ['one', 'two'], core.clock.now()));
    expect(await winners(() => consumeRecoveryCode(ACCOUNT, 'one'))).toBe(1);
    expect(await winners(() => consumeRecoveryCode(ACCOUNT, 'three'))).toBe(0);
    expect(await winners(() => consumeRecoveryCode(uuid(2), 'two'))).toBe(0);
    expect([...(await core.store.recoveryCodes.leftOf(ACCOUNT))]).toEqual(['two']);
  });

  test('a seed in the place of another leaves what was spent as it is', async () => {
    await core.store.commit([raiseTotpStep(ACCOUNT, 2000), raiseTotpStep(ACCOUNT, 1500)]);
    expect(await winners(() => consumeTotpStep(ACCOUNT, 2000))).toBe(0);
    expect(await winners(() => consumeTotpStep(ACCOUNT, 2001))).toBe(1);
  });

  async function addSession(): Promise<Session> {
    const now = core.clock.now();
    const session: Session = {
      id: `session-${count}`,
      principal: { kind: 'account', id: ACCOUNT },
      accountId: ACCOUNT,
      epoch: (await core.store.accounts.byId(ACCOUNT))?.epoch ?? 0,
      mount: 'login',
      membership: null,
      methods: ['pwd'],
      device: null,
      counter: 0,
      rotatedAt: now,
      createdAt: now,
      refreshExpiresAt: now + 60_000,
      expiresAt: now + 120_000,
      endedAt: null,
    };
    await core.store.commit([
      insertSession(session, {
        opaqueHash: null,
        fingerprintHash: null,
        address: '127.0.0.1',
        userAgent: null,
      }),
    ]);
    return session;
  }

  test('a refresh token rotates for one of fifty', async () => {
    const session = await addSession();
    expect(
      await winners(() => consumeRefresh(session.id, 0, core.clock.now(), session.refreshExpiresAt)),
    ).toBe(1);
  });

  test('a session that has ended, or whose account has changed its epoch, rotates for nobody', async () => {
    const ended = await addSession();
    await core.store.commit(endSession(ended.id, 'signed-out', core.clock.now()));
    expect(await winners(() => consumeRefresh(ended.id, 0, core.clock.now(), ended.refreshExpiresAt))).toBe(
      0,
    );
    count += 1;
    const session = await addSession();
    await core.store.commit(setAccountStatus(ACCOUNT, 'inactive', core.clock.now()));
    expect(
      await winners(() => consumeRefresh(session.id, 0, core.clock.now(), session.refreshExpiresAt)),
    ).toBe(0);
  });
}
