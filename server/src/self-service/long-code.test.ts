import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readTables } from '../../testing/store-dump.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { auditEvent } from '../audit/event.ts';
import { createWording, wordingOptions } from '../delivery/wording.ts';
import { noticeToAccount } from '../sign-in/mail.ts';
import { recordAudit } from '../store/audit.ts';
import { sendReset } from './forgot-password.ts';
import type { LongCodeMail } from './long-code.ts';

describe.each(ENGINES)('a code for a new password on %s', (engine) => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore(engine);
  });
  afterAll(() => core.close());

  /** What puts a code into an envelope, beyond every limit. */
  const mailTo =
    (account: AccountWithMemberships): LongCodeMail =>
    async (message, expiresAt) =>
      noticeToAccount(
        { ...core, wording: createWording(wordingOptions(core.config)) },
        account,
        message,
        expiresAt,
      );
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
    const sent = callers.map(() =>
      sendReset(core, account, { mount: 'native', audit: audit(), mailed: mailTo(account) }),
    );
    expect(await Promise.all(sent)).toEqual(callers.fill(true));
    expect(await live(account.id)).toHaveLength(1);
    expect((await core.store.outbox.depth()).waiting).toBe(40);
  });

  test('is not for who has no address, is not active, or was changed since', async () => {
    const asked = (account: AccountWithMemberships) => ({
      mount: 'native',
      audit: audit(),
      mailed: mailTo(account),
    });
    const nowhere = await accountOf({ username: 'ben' }, 2);
    expect(await sendReset(core, nowhere, asked(nowhere))).toBe(false);
    const disabled = await accountOf({ email: 'cy@example.com', status: 'inactive' }, 3);
    expect(await sendReset(core, disabled, asked(disabled))).toBe(false);
    const changed = await accountOf({ email: 'dee@example.com', password: 'a password of dee' }, 4);
    await loadDirectory(core, [
      { kind: 'account', id: uuid(4), email: 'dee@example.com', password: 'another of dee' },
    ]);
    expect(await sendReset(core, changed, asked(changed))).toBe(false);
    for (const { id } of [nowhere, disabled, changed]) expect(await live(id)).toEqual([]);
  });
});
