import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import { CUT_OFF_FACT, stateCutOff } from '../store/cut-off.ts';
import { forgetFact } from '../store/facts.ts';
import type { RevocationReason } from '../store/revocations.ts';
import { type FeedEvent, followRevocations, type RevocationFollower } from './revocations.ts';

const REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const RETAINED_SECONDS = 600;

const INITIATED: Readonly<Record<'user' | 'admin' | 'policy', readonly RevocationReason[]>> = {
  user: [
    'signed-out',
    'ended-by-owner',
    'switched-role',
    'proven-again',
    'address-changed',
    'factors-changed-by-owner',
  ],
  admin: [
    'signed-out-by-operator',
    'account-disabled',
    'password-changed',
    'factors-changed',
    'installation-changed',
    'membership-removed',
    'organisation-suspended',
    'account-changed',
    'store-restored',
  ],
  policy: ['refresh-token-reused', 'second-factor-missing'],
};

describe.each(ENGINES)('the feed of revocations, on %s', (engine) => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore(engine, {}, frozenClock());
  });
  afterAll(() => core.close());

  const newest = () => core.store.revocations.newest();
  const feed = (keySet = () => 'the keys') => ({
    store: core.store,
    clock: core.clock,
    publicUrl: () => 'https://id.example.com',
    keySet,
    retainedSeconds: RETAINED_SECONDS,
  });
  const follower = (after: number, more: Partial<RevocationFollower> = {}): RevocationFollower => ({
    audience: 'reports',
    after,
    isAdmitted: async () => true,
    signal: new AbortController().signal,
    ...more,
  });

  /** Writes down that sessions were revoked, the last of them last. */
  async function revoke(
    count: number,
    at: number,
    kind = 'account',
    reason = 'signed-out',
  ): Promise<string[]> {
    const ids = Array.from({ length: count }, () => `session ${nextNumber()}`);
    const sql = `INSERT INTO revocations (at, session_id, principal_kind, principal_id, reason)
                 VALUES (CAST($1 AS BIGINT), $2, $3, 'somebody', $4)`;
    await core.store.commit(ids.map((id) => ({ sql, params: [at, id, kind, reason] })));
    return ids;
  }

  /** What somebody is told who has everything up to a number, until they are told that this was all. */
  async function toldAfter(after: number): Promise<FeedEvent[]> {
    const told: FeedEvent[] = [];
    for await (const event of followRevocations(feed(), follower(after))) {
      if (event.event === 'caught-up') break;
      told.push(event);
    }
    return told;
  }
  // biome-ignore lint/suspicious/noExplicitAny: what a resource server reads
  const only = async (after: number): Promise<any> => {
    const told = await toldAfter(after);
    expect(told).toHaveLength(1);
    return told[0]?.data;
  };

  test.each(Object.entries(INITIATED))(
    'tells its audience what the %s wanted',
    async (initiator, reasons) => {
      for (const reason of reasons) {
        const before = await newest();
        await revoke(1, core.clock.now(), 'account', reason);
        const data = await only(before);
        expect(data).toMatchObject({ iss: 'https://id.example.com', aud: ['reports'] });
        expect(Object.keys(data.events)).toEqual([REVOKED]);
        expect(data.events[REVOKED]).toMatchObject({
          initiating_entity: initiator,
          reason_admin: { en: reason },
        });
      }
    },
  );

  test('tells in whole seconds, and until when the tokens of what goes on are taken no longer', async () => {
    const seconds = core.clock.now() / 1000 - 60;
    for (const [reason, issuedUntil] of [
      ['organisation-suspended', seconds + 2],
      ['account-changed', seconds + 2],
      ['membership-removed', undefined],
      ['password-changed', undefined],
    ] as const) {
      const before = await newest();
      await revoke(1, seconds * 1000 + 999, 'account', reason);
      const data = await only(before);
      expect(data.iat).toBe(seconds);
      expect(data.events[REVOKED].event_timestamp).toBe(seconds);
      expect(data.events[REVOKED].tokens_issued_until, reason).toBe(issuedUntil);
    }
  });

  test.each([
    ['account', 'somebody'],
    ['installation', 'installation:somebody'],
    ['resource', undefined],
  ])('names an %s as its tokens do', async (kind, subject) => {
    const before = await newest();
    const [id] = await revoke(1, core.clock.now(), kind);
    const { sub_id } = await only(before);
    const iss = 'https://id.example.com';
    expect(sub_id).toEqual({
      format: 'complex',
      session: { format: 'opaque', id },
      ...(subject === undefined ? {} : { user: { format: 'iss_sub', iss, sub: subject } }),
    });
  });

  test('goes back as far as tokens can live, and not beyond', async () => {
    const before = await newest();
    const since = core.clock.now() - RETAINED_SECONDS * 1000;
    await revoke(1, since - 1);
    const [oldest] = await revoke(1, since);
    expect((await only(before)).sub_id.session.id).toBe(oldest);
  });

  test('tells all there are before it says so, however many', async () => {
    for (const count of [500, 501]) {
      const before = await newest();
      const ids = await revoke(count, core.clock.now());
      const told = (await toldAfter(before)) as { data: { sub_id: { session: { id: string } } } }[];
      expect(told.map(({ data }) => data.sub_id.session.id)).toEqual(ids);
    }
  });

  test('tells nothing twice to whoever has the newest', async () => {
    await revoke(1, core.clock.now());
    expect(await toldAfter(await newest())).toEqual([]);
    expect((await toldAfter((await newest()) + 1)).length).toBeGreaterThan(0);
  });

  test('counts from a cut-off on, to which a number from before it is of another list', async () => {
    await revoke(1, core.clock.now());
    const last = await newest();
    const cutOff = core.clock.now();
    await core.store.commit([stateCutOff(cutOff)]);
    try {
      const id = cutOff + last;
      expect((await toldAfter(last)).at(-1)).toMatchObject({ id, data: { jti: String(id) } });
      expect(await toldAfter(id - 1)).toMatchObject([{ id }]);
      expect(await toldAfter(id)).toEqual([]);
    } finally {
      await core.store.commit([forgetFact(CUT_OFF_FACT)]);
    }
  });

  test('tells once of other keys, and what comes later without being asked again', async () => {
    let keys = 'the first keys';
    const events = followRevocations(
      feed(() => keys),
      follower(await newest()),
    );
    const next = async () => (await events.next()).value;
    expect(await next()).toEqual({ event: 'caught-up', data: { at: core.clock.now() } });
    keys = 'other keys';
    expect(await next()).toEqual({ event: 'keys-changed', data: {} });
    await revoke(1, core.clock.now());
    expect(await next()).toMatchObject({ event: 'session-revoked', id: await newest() });
    expect(await next()).toEqual({ event: 'heartbeat', data: { at: core.clock.now() } });
    await events.return(undefined);
  });

  test('ends when its follower is no longer admitted, or goes', async () => {
    const refused = followRevocations(feed(), follower(await newest(), { isAdmitted: async () => false }));
    expect((await refused.next()).value).toMatchObject({ event: 'caught-up' });
    expect(await refused.next()).toEqual({ done: true, value: undefined });
    const gone = new AbortController();
    const left = followRevocations(feed(), follower(await newest(), { signal: gone.signal }));
    expect((await left.next()).value).toMatchObject({ event: 'caught-up' });
    gone.abort();
    expect(await left.next()).toEqual({ done: true, value: undefined });
    const never = followRevocations(feed(), follower(await newest(), { signal: gone.signal }));
    expect(await never.next()).toEqual({ done: true, value: undefined });
  });
});
