import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { recordAudit } from '../store/audit.ts';
import { extendChain } from './chain.ts';
import { auditEvent } from './event.ts';
import { followedEvents } from './follow.ts';

describe.each(ENGINES)('following the audit log on %s', (engine) => {
  let core: TestCore;
  beforeEach(async () => {
    core = await openTestCore(engine);
  });
  afterEach(() => core.close());

  const write = (accountId: string) =>
    core.store.commit([
      recordAudit(auditEvent({ at: core.clock.now(), event: 'account.created', accountId })),
    ]);
  const chain = () => extendChain(core.store, core.vault, core.log);

  /** Follows through rounds: before each look after the first, something happens. */
  async function follow(
    rounds: (() => Promise<unknown>)[],
    wanted = { since: 0, accountId: null as string | null },
  ) {
    const told: (string | null)[] = [];
    const left = [...rounds];
    const wait = async () => {
      const next = left.shift();
      await next?.();
      return next !== undefined;
    };
    for await (const page of followedEvents(core.store, wanted, wait))
      told.push(...page.map(({ accountId }) => accountId));
    return told;
  }

  test('tells each event once, whether it had its place when it was told or not', async () => {
    await write('chained');
    await chain();
    await write('waits');
    expect(await follow([chain, () => write('later'), chain, chain])).toEqual(['chained', 'waits', 'later']);
  });

  test('tells what is wanted only', async () => {
    const both = async () => {
      await write('a');
      await write('b');
      await chain();
    };
    await both();
    core.clock.advance(60);
    const since = core.clock.now();
    expect(await follow([both], { since: 0, accountId: 'a' })).toEqual(['a', 'a']);
    expect(await follow([both], { since, accountId: null })).toEqual(['a', 'b', 'a', 'b']);
  });

  // On the embedded store one writes at a time.
  if (engine === 'postgres')
    test('tells what was begun first and committed second', async () => {
      const first = new pg.Client({ connectionString: core.config.store.url });
      await first.connect();
      try {
        await first.query('BEGIN');
        await first.query(
          "INSERT INTO audit (at, event, account_id) VALUES ($1, 'account.created', 'first')",
          [core.clock.now()],
        );
        await write('second');
        const told = await follow([chain, () => first.query('COMMIT'), chain]);
        expect(told).toEqual(['second', 'first']);
      } finally {
        await first.end();
      }
    });
});
