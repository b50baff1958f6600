import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { runRawSql } from '../../testing/raw-sql.ts';
import { recordAudit } from '../store/audit.ts';
import { extendChain, removeChainBefore } from './chain.ts';
import { auditEvent } from './event.ts';
import { verifyChain } from './verify-chain.ts';

describe.each(ENGINES)('the audit chain on %s', (engine) => {
  let core: TestCore;
  beforeEach(async () => {
    core = await openTestCore(engine);
  });
  const opened: TestCore[] = [];
  beforeEach(() => void opened.push(core));
  afterAll(async () => {
    for (const each of opened) await each.close();
  });

  const write = async (count: number) => {
    for (let each = 0; each < count; each += 1) {
      const detail = { each, ünï: 'çødé', nested: { b: 1, a: [1, null] } };
      const event = auditEvent({ at: core.clock.now(), event: 'account.created', actor: 'operator', detail });
      await core.store.commit([recordAudit(event)]);
    }
  };
  const chain = async () => {
    while ((await extendChain(core.store, core.vault, core.log)) > 0);
  };
  const verify = () => verifyChain(core.store, core.vault);
  const url = () => core.config.store.url;
  /** With the triggers out of the way: they keep off mistakes, the chain shows intent. */
  const tamper = (sql: string) =>
    runRawSql(
      url(),
      engine === 'sqlite'
        ? `DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted; ${sql}`
        : `ALTER TABLE audit DISABLE TRIGGER ALL; ${sql}`,
    );

  test('an empty log is whole, and so is one that was only written to', async () => {
    expect(await verify()).toMatchObject({ events: 0, waiting: 0, problems: [] });
    await write(300);
    expect(await verify()).toMatchObject({ events: 0, waiting: 300, problems: [] });
    await chain();
    await write(2);
    expect(await verify()).toMatchObject({ events: 300, waiting: 2, problems: [], end: { link: 300 } });
  });

  test.each([
    [
      'a changed reason',
      "UPDATE audit SET reason = 'other' WHERE link = 3",
      /event 3 .* not as it was written/,
    ],
    ['a changed detail', `UPDATE audit SET detail = '{"each":99}' WHERE link = 3`, /event 3 /],
    ['a changed time', 'UPDATE audit SET at = at + 1 WHERE link = 3', /event 3 /],
    ['an event taken out', 'DELETE FROM audit WHERE link = 3', /event 3 is missing/],
    ['events taken out', 'DELETE FROM audit WHERE link IN (3, 4)', /events 3 to 4 are missing/],
    [
      'the last events taken out',
      'DELETE FROM audit WHERE link > 7',
      /events 8 to 10 are missing at the end/,
    ],
    ['the first events taken out', 'DELETE FROM audit WHERE link < 3', /events 1 to 2 are missing/],
    [
      'an event put in the place of another',
      "DELETE FROM audit WHERE link = 4; INSERT INTO audit (at, event, link, seal) VALUES (1, 'account.created', 4, 'x')",
      /event 4 /,
    ],
    ['everything taken out', 'DELETE FROM audit', /events 1 to 10 are missing at the end/],
    [
      'the end taken out and moved',
      "DELETE FROM audit WHERE link > 7; UPDATE facts SET value = '7 x y' WHERE name = 'audit-head'",
      /end of the log was not written by Latchkey/,
    ],
    [
      'a beginning that is claimed',
      "DELETE FROM audit WHERE link < 3; INSERT INTO facts (name, value) VALUES ('audit-start', '2 x y')",
      /beginning of the log was not written by Latchkey/,
    ],
  ])('finds %s', async (_, sql, problem) => {
    await write(10);
    await chain();
    expect((await verify()).problems).toEqual([]);
    await tamper(sql);
    expect((await verify()).problems.join('; ')).toMatch(problem);
  });

  test.each([
    ['change of an event', "UPDATE audit SET reason = 'x' WHERE link = 1"],
    ['change of one that waits', "UPDATE audit SET reason = 'x' WHERE link IS NULL"],
    ['second place for an event', 'UPDATE audit SET link = 99 WHERE link = 1'],
    ['removal', 'DELETE FROM audit WHERE link = 1'],
    ['removal of one that waits', 'DELETE FROM audit WHERE link IS NULL'],
  ])('the database refuses a %s', async (_, sql) => {
    await write(3);
    await chain();
    await write(1);
    await expect(runRawSql(url(), sql)).rejects.toThrow(/append-only/);
    expect(await verify()).toMatchObject({ events: 3, waiting: 1, problems: [] });
  });

  test('of many servers at once, each event gets one place', async () => {
    await write(200);
    const servers = 8;
    const { promise: allHaveRead, resolve } = Promise.withResolvers<void>();
    let read = 0;
    // Each has read before the first of them writes.
    const withoutLink: typeof core.store.audit.withoutLink = async (...wanted) => {
      const events = await core.store.audit.withoutLink(...wanted);
      read += 1;
      if (read === servers) resolve();
      await allHaveRead;
      return events;
    };
    const store = { ...core.store, audit: { ...core.store.audit, withoutLink } };
    const rounds = await Promise.all(
      Array.from({ length: servers }, () => extendChain(store, core.vault, core.log)),
    );
    expect(rounds.filter((count) => count > 0)).toEqual([128]);
    await Promise.all([chain(), chain(), write(50), chain()]);
    await chain();
    expect(await verify()).toMatchObject({ events: 250, waiting: 0, problems: [] });
  });

  test('what is older than the retention goes from the beginning, and the rest is whole', async () => {
    await write(5);
    core.clock.advance(3600);
    await write(5);
    await chain();
    expect(await removeChainBefore(core.store, core.vault, core.clock.now() - 1800_000)).toBe(5);
    expect(await verify()).toMatchObject({ events: 5, problems: [], end: { link: 10 } });
    core.clock.advance(3600);
    await write(1);
    await chain();
    expect(await removeChainBefore(core.store, core.vault, core.clock.now() - 1800_000)).toBe(10);
    expect(await removeChainBefore(core.store, core.vault, core.clock.now() - 1800_000)).toBeNull();
    expect(await verify()).toMatchObject({ events: 1, problems: [], end: { link: 11 } });
    await tamper('DELETE FROM audit WHERE link = 11');
    expect((await verify()).problems).toHaveLength(1);
  });

  test('what is older goes a part at a time, and each time the rest is whole', async () => {
    await write(300);
    core.clock.advance(3600);
    await write(5);
    await chain();
    const remove = () => removeChainBefore(core.store, core.vault, core.clock.now() - 1800_000);
    expect(await remove()).toBe(256);
    expect(await verify()).toMatchObject({ events: 49, problems: [] });
    expect(await remove()).toBe(300);
    expect(await remove()).toBeNull();
    expect(await verify()).toMatchObject({ events: 5, problems: [], end: { link: 305 } });
  });

  test('is read from a time on, also where events came in another order than their times', async () => {
    const begun = core.clock.now();
    const at = (seconds: number) =>
      recordAudit(auditEvent({ at: begun + seconds * 1000, event: 'account.created', accountId: 'a' }));
    for (const seconds of [1, 5, 3, 4, 9, 2]) await core.store.commit([at(seconds)]);
    const told = async (since: number, accountId: string | null, afterSequence = 0) =>
      (
        await core.store.audit.events({ afterSequence, since: begun + since * 1000, accountId, limit: 100 })
      ).map((event) => (event.at - begun) / 1000);
    for (const accountId of [null, 'a']) {
      expect(await told(0, accountId)).toEqual([1, 5, 3, 4, 9, 2]);
      expect(await told(3, accountId)).toEqual([5, 3, 4, 9]);
      expect(await told(10, accountId)).toEqual([]);
    }
    const [, second] = await core.store.audit.events({
      afterSequence: 0,
      since: 0,
      accountId: null,
      limit: 2,
    });
    expect(await told(3, null, second?.sequence)).toEqual([3, 4, 9]);
    expect(await told(0, 'nobody')).toEqual([]);
  });
});
