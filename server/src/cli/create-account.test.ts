import { afterAll, describe, expect, test } from 'vitest';
import { eventsOf } from '../../testing/audit.ts';
import { uuid } from '../../testing/core.ts';
import { testStores } from '../../testing/directory.ts';
import { ENGINES } from '../../testing/engines.ts';
import { auditEvent } from '../audit/event.ts';
import { verifyPassword } from '../crypto/password-hash.ts';
import { loadOne } from './load-one.ts';

describe.each(ENGINES)('an account that is made, on %s', (engine) => {
  const { fresh, closeAll } = testStores(engine);
  afterAll(closeAll);

  test('is made once, however many make it at once', async () => {
    const core = await fresh();
    const make = async (username: string) => {
      const line = { kind: 'account', id: uuid(1), username, password: `the password of ${username}` };
      const event = auditEvent({ at: core.clock.now(), event: 'account.created', accountId: uuid(1) });
      await loadOne(core, line, event, { onlyNew: true });
      return username;
    };
    const settled = await Promise.allSettled(['ada', 'bob', 'eve'].map(make));
    const refusals = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason.message] : []));
    const said = `there is an account ${uuid(1)} already`;
    expect(refusals).toEqual([said, said]);
    const [made] = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const [record] = await core.store.accountRecords.byIds([uuid(1)]);
    expect(record?.username).toBe(made);
    expect(verifyPassword(`the password of ${made}`, record?.passwordHash ?? '')).toBe(true);
    expect((await eventsOf(core, uuid(1))).map(({ event }) => event)).toEqual(['account.created']);
    await expect(make('ida')).rejects.toThrow(said);
  });
});
