import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { runRawSql } from '../../testing/raw-sql.ts';
import { recordAudit } from '../store/audit.ts';
import type { Store } from '../store/store.ts';
import { auditEvent } from './event.ts';
import { AuditSchedule } from './schedule.ts';
import { verifyChain } from './verify-chain.ts';

describe.each(ENGINES)('the schedule of the audit log on %s', (engine) => {
  let core: TestCore;
  beforeEach(async () => {
    core = await openTestCore(engine);
  });
  afterEach(() => core.close());

  const event = () => recordAudit(auditEvent({ at: core.clock.now(), event: 'account.created' }));
  const write = (count: number) => core.store.commit(Array.from({ length: count }, event));
  const schedule = (store: Store = core.store) => new AuditSchedule({ ...core, store, retentionDays: 0 });
  const verify = () => verifyChain(core.store, core.vault);
  const logged = () => core.log.lines.filter(({ message }) => /audit log/.test(message));

  test('one round makes no commit for what comes meanwhile', async () => {
    await write(1);
    let commits = 0;
    const commit: Store['commit'] = async (changes) => {
      commits += 1;
      // Others go on writing, up to a number that keeps a round from going on for ever.
      if (commits < 20) await write(1);
      return core.store.commit(changes);
    };
    const busy = schedule({ ...core.store, commit });
    await busy.chain();
    expect(commits).toBe(1);
    await busy.stop();
    expect(commits).toBe(2);
    expect(await verify()).toMatchObject({ events: 2, waiting: 1, problems: [] });
  });

  test('what was written gets its place before a server has stopped, and the log says where the chain ends', async () => {
    await write(300);
    await schedule().stop();
    const { end, ...report } = await verify();
    expect(report).toMatchObject({ events: 300, waiting: 0, problems: [] });
    expect(logged()).toEqual([
      { level: 'info', message: 'the audit log ends here', fields: { last: `300:${end.seal}` } },
    ]);
  });

  test('the log says every hour where the chain ends', async () => {
    const kept = schedule();
    await write(3);
    await kept.chain();
    expect(logged()).toEqual([]);
    core.clock.advance(3600);
    await kept.chain();
    await kept.chain();
    expect(logged()).toMatchObject([{ fields: { last: expect.stringMatching(/^3:/) } }]);
    await kept.stop();
  });

  test('the log says that an older state was put back while the server ran', async () => {
    const kept = schedule();
    await write(3);
    await kept.chain();
    const head = await core.store.facts.value('audit-head');
    await write(3);
    await kept.chain();
    await runRawSql(
      core.config.store.url,
      engine === 'sqlite'
        ? `DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE link > 3; UPDATE facts SET value = '${head}' WHERE name = 'audit-head'`
        : `ALTER TABLE audit DISABLE TRIGGER ALL; DELETE FROM audit WHERE link > 3; UPDATE facts SET value = '${head}' WHERE name = 'audit-head'`,
    );
    await kept.chain();
    await kept.chain();
    expect(logged()).toMatchObject([
      {
        level: 'error',
        fields: { link: 3, noted: expect.stringMatching(/^6:/) },
        message: /ends before where it ended/,
      },
    ]);
    await kept.stop();
  });

  test('the log says once an hour what is wrong', async () => {
    const kept = schedule();
    await runRawSql(core.config.store.url, "DELETE FROM facts WHERE name = 'audit-head'");
    await kept.chain();
    await kept.chain();
    core.clock.advance(3600);
    await kept.chain();
    expect(logged().map(({ level }) => level)).toEqual(['error', 'error']);
    await kept.stop();
  });
});
