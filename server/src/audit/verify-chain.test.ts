import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { runRawSql } from '../../testing/raw-sql.ts';
import { openCore } from '../core.ts';
import { recordAudit } from '../store/audit.ts';
import { extendChain, removeChainBefore } from './chain.ts';
import { auditEvent } from './event.ts';
import { verifyChain } from './verify-chain.ts';

const HOUR_SECONDS = 3600;

// Somebody who has the database, and not the key: what is done is what could be done with a running server beside it.
describe.each(ENGINES)('who rewrites the audit log on %s', (engine) => {
  let core: TestCore;
  beforeEach(async () => {
    core = await openTestCore(engine);
  });
  afterEach(() => core.close());

  const write = async (count: number) => {
    for (let each = 0; each < count; each += 1)
      await core.store.commit([
        recordAudit(auditEvent({ at: core.clock.now(), event: 'account.created', detail: { each } })),
      ]);
  };
  const chain = async () => {
    while ((await extendChain(core.store, core.vault, core.log)) > 0);
  };
  const verify = async (expected: Parameters<typeof verifyChain>[2] = null) =>
    verifyChain(core.store, core.vault, expected);
  const found = async () => (await verify()).problems.join('; ');
  const sql = (script: string) => runRawSql(core.config.store.url, script);
  const noTriggers =
    engine === 'sqlite'
      ? 'DROP TRIGGER IF EXISTS audit_is_not_changed; DROP TRIGGER IF EXISTS audit_is_not_deleted;'
      : 'ALTER TABLE audit DISABLE TRIGGER ALL;';
  const NO_FACTS = "DELETE FROM facts WHERE name LIKE 'audit-%';";
  const removableTo = (link: number) =>
    `INSERT INTO facts (name, value) VALUES ('audit-removed-to', '${link}');`;
  const logged = () => core.log.lines.filter(({ level }) => level === 'error').map(({ message }) => message);
  /** A server starts, with what it finds. */
  const restart = async () => (await openCore(core.config, core.log)).store.close();

  test('cannot empty it: what is said of its end is missing from then on, whatever is written later', async () => {
    await write(10);
    await chain();
    await sql(`${removableTo(99)} DELETE FROM audit; ${NO_FACTS}`);
    expect(await found()).toMatch(/nothing is said of the end/);
    await restart();
    await write(3);
    await chain();
    await restart();
    expect(await found()).toMatch(/nothing is said of the end/);
    expect(logged().join()).toMatch(/nothing is said of the end of the audit log/);
  });

  test('cannot make the store forget that it had one, while it has anything else', async () => {
    await loadDirectory(core, [
      { kind: 'account', id: uuid(1), username: 'ada', password: 'a good password' },
    ]);
    await write(10);
    await chain();
    await sql(`${removableTo(99)} DELETE FROM audit; DELETE FROM facts`);
    await restart();
    await write(1);
    await chain();
    expect(await found()).toMatch(/nothing is said of the end/);
  });

  test('cannot have a server seal what was rewritten', async () => {
    await write(10);
    core.clock.advance(HOUR_SECONDS);
    await write(5);
    await chain();
    await sql(`${noTriggers} UPDATE audit SET link = NULL, seal = NULL, reason = 'forged' WHERE link BETWEEN 3 AND 6;
      DELETE FROM audit WHERE link = 7`);
    await write(1);
    await chain();
    const { events, waiting, problems } = await verify();
    expect({ events, waiting }).toEqual({ events: 11, waiting: 0 });
    expect(problems.join('; ')).toMatch(
      /events 3 to 7 are missing; .*sequence 3 has no place.*sequence 6 has no place/,
    );
    expect(logged().join()).toMatch(/has lost its place \(sequence 3\)/);
  });

  test('cannot have a server begin anew over all that was rewritten', async () => {
    await write(10);
    await chain();
    await sql(
      `${noTriggers} UPDATE audit SET link = NULL, seal = NULL, reason = 'forged'; DELETE FROM audit WHERE sequence = 4;`,
    );
    await chain();
    expect(await verify()).toMatchObject({ events: 0, waiting: 9 });
    await sql(NO_FACTS);
    await restart();
    await chain();
    expect(await verify()).toMatchObject({ events: 0, waiting: 9 });
    expect(await found()).toMatch(/nothing is said of the end/);
    expect(logged().join()).toMatch(/the end of the audit log is missing.*nothing is said of the end/);
  });

  test('cannot put an older end back and leave what came after', async () => {
    await write(5);
    await chain();
    const head = await core.store.facts.value('audit-head');
    await write(5);
    await chain();
    await sql(`UPDATE facts SET value = '${head}' WHERE name = 'audit-head'`);
    expect(await found()).toMatch(/goes on after event 5/);
    await write(1);
    await chain();
    expect(logged().join()).toMatch(/does not end where it is said to end/);
  });

  test('is seen by what was noted elsewhere when everything is put back as it was before', async () => {
    await write(5);
    await chain();
    const { end: early } = await verify();
    const head = await core.store.facts.value('audit-head');
    await write(5);
    await chain();
    const { end: noted } = await verify();
    for (const expected of [early, noted, { link: 0, seal: '' }])
      expect((await verify(expected)).problems).toEqual([]);
    expect((await verify({ ...noted, seal: early.seal })).problems).toHaveLength(1);

    await sql(
      `${noTriggers} DELETE FROM audit WHERE link > 5; UPDATE facts SET value = '${head}' WHERE name = 'audit-head'`,
    );
    expect(await found()).toBe('');
    expect((await verify(early)).problems).toEqual([]);
    expect((await verify(noted)).problems.join()).toMatch(/event 10 is not in the log/);
    await write(5);
    await chain();
    expect((await verify(noted)).problems.join()).toMatch(/event 10 is not in the log/);
  });

  test('cannot pass what is missing at the beginning for old', async () => {
    await write(10);
    core.clock.advance(HOUR_SECONDS);
    await write(1);
    await chain();
    await sql(`${noTriggers} DELETE FROM audit WHERE link < 4`);
    await expect(removeChainBefore(core.store, core.vault, core.clock.now())).rejects.toThrow(
      /missing at the beginning/,
    );
    expect(await found()).toMatch(/events 1 to 3 are missing/);
  });

  test('is seen where the database was told to let events be removed', async () => {
    await write(2);
    await chain();
    await sql(removableTo(1));
    expect(await found()).toMatch(/lets events be removed up to 1, and the log begins after 0/);
  });

  test('a log whose events are old keeps its last one, and what is committed late has its place', async () => {
    await write(3);
    await chain();
    core.clock.advance(24 * HOUR_SECONDS);
    expect(await removeChainBefore(core.store, core.vault, core.clock.now())).toBe(2);
    expect(await verify()).toMatchObject({ events: 1, problems: [], end: { link: 3 } });
    // Commands write while no server runs.
    await write(1);
    core.clock.advance(24 * HOUR_SECONDS);
    await write(1);
    await chain();
    expect(await verify()).toMatchObject({ events: 3, waiting: 0, problems: [] });
  });

  test('events that are removed while it is looked at are not missed', async () => {
    await write(5);
    core.clock.advance(HOUR_SECONDS);
    await write(5);
    await chain();
    let pages = 0;
    const afterLink: typeof core.store.audit.afterLink = async (link, limit) => {
      pages += 1;
      if (pages === 1) await removeChainBefore(core.store, core.vault, core.clock.now() - 1000);
      return core.store.audit.afterLink(link, limit);
    };
    const store = { ...core.store, audit: { ...core.store.audit, afterLink } };
    expect(await verifyChain(store, core.vault)).toMatchObject({
      events: 5,
      problems: [],
      end: { link: 10 },
    });
  });

  test('a store of a version that began the chain with its first event goes on', async () => {
    const former = core.vault.hash('vault', 'vault');
    await sql(`DELETE FROM facts; INSERT INTO facts (name, value) VALUES ('vault', '${former}')`);
    await write(3);
    await restart();
    await chain();
    expect(await verify()).toMatchObject({ events: 3, problems: [] });
    // It has served by now: that its end is missing is no oversight.
    await sql(NO_FACTS);
    await restart();
    expect(await found()).toMatch(/nothing is said of the end/);
  });
});
