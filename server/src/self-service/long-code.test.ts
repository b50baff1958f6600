import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readTables } from '../../testing/store-dump.ts';
import { auditEvent } from '../audit/event.ts';
import { recordAudit } from '../store/audit.ts';
import { sendReset } from './forgot-password.ts';

describe.each(ENGINES)('a code for a new password on %s', (engine) => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore(engine);
  });
  afterAll(() => core.close());

  const audit = () => recordAudit(auditEvent({ at: core.clock.now(), event: 'password.reset-asked' }));
  const accountOf = async (fields: object, number: number) => {
    await loadDirectory(core, [{ kind: 'account', id: uuid(number), ...fields }]);
    const account = await core.store.accounts.byId(uuid(number));
    if (!account) throw new Error('the account is not there');
    return account;
  };
  const live = async (accountId: string) =>
    ((await readTables(core.config.store.url)).tickets ?? []).filter(
      (row) => row.account_id === accountId && row.consumed_at === null,
    );

  test('is one, however many are asked for at once (RV-2)', async () => {
    const account = await accountOf({ email: 'ada@example.com' }, 1);
    const callers = Array.from({ length: 40 });
    // Every connection is open before any of them writes.
    await Promise.all(callers.map(() => core.store.ping()));
    const sent = callers.map(() => sendReset(core, account, { mount: 'native', audit: audit() }));
    expect(await Promise.all(sent)).toEqual(callers.fill(true));
    expect(await live(account.id)).toHaveLength(1);
    expect((await core.store.outbox.depth()).waiting).toBe(40);
  });

  test('is not for who has no address, is not active, or was changed since', async () => {
    const mount = { mount: 'native', audit: audit() };
    const nowhere = await accountOf({ username: 'ben' }, 2);
    expect(await sendReset(core, nowhere, mount)).toBe(false);
    const disabled = await accountOf({ email: 'cy@example.com', status: 'inactive' }, 3);
    expect(await sendReset(core, disabled, mount)).toBe(false);
    const changed = await accountOf({ email: 'dee@example.com', password: 'a password of dee' }, 4);
    await loadDirectory(core, [
      { kind: 'account', id: uuid(4), email: 'dee@example.com', password: 'another of dee' },
    ]);
    expect(await sendReset(core, changed, mount)).toBe(false);
    for (const { id } of [nowhere, disabled, changed]) expect(await live(id)).toEqual([]);
  });
});
