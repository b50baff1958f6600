import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { frozenClock } from '../../testing/ports.ts';
import { accountOn, corridorOn, freshAttempt } from '../../testing/single-step.ts';
import { unsealMail } from '../delivery/queue-mail.ts';
import type { QueuedMail } from '../store/outbox.ts';
import type { Corridor } from './corridor.ts';
import { mailToAccount, mailToAddress, noticeToAccount } from './mail.ts';

describe('a message for the outbox', () => {
  const DAY_MILLISECONDS = 86_400_000;
  const SCHOOL = uuid(1_000_001);
  let core: TestCore;
  let corridor: Corridor;
  let folder: string;
  beforeAll(async () => {
    // In Spanish, the code comes with a greeting.
    folder = mkdtempSync(join(tmpdir(), 'latchkey-templates-'));
    mkdirSync(join(folder, 'default', 'es'), { recursive: true });
    writeFileSync(
      join(folder, 'default', 'es', 'sign-in-code.txt'),
      'Tu código\n\nHola, {name}.\n\n{code}\n',
    );
    core = await openTestCore('sqlite', { LATCHKEY_MAIL_TEMPLATES: folder }, frozenClock());
    corridor = corridorOn(core);
    await loadDirectory(core, [
      { kind: 'organisation', id: SCHOOL, name: 'School', settings: { locale: 'de' } },
    ]);
  });
  afterAll(async () => {
    await core.close();
    rmSync(folder, { recursive: true });
  });

  const soon = () => core.clock.now() + 60_000;
  const code = () => ({ kind: 'sign-in-code', digits: '123456', expiresAt: soon() }) as const;
  const opened = (mail: QueuedMail | null) => mail && { ...mail, ...unsealMail(mail, core.vault) };
  /** A corridor through which each address may cause one message of a kind. */
  const narrow = () => {
    const { mail, sms } = core.config;
    return corridorOn(core, {
      sendingLimits: { mail: { ...mail, limitProvenPerSource: 1, limitUnprovenPerSource: 1 }, sms },
    });
  };

  test('to an account goes to its address and its owner by name, for as long as it is of use', async () => {
    const account = await accountOn(core, { user: { name: 'Ada Lovelace' }, attributes: { locale: 'es' } });
    const mail = await mailToAccount(corridor, freshAttempt(core, 'login'), account, code(), soon());
    expect(opened(mail)).toMatchObject({
      channel: 'mail',
      kind: 'sign-in-code',
      to: { name: 'Ada Lovelace', address: account.email },
      subject: 'Tu código',
      text: expect.stringMatching(/^Hola, Ada Lovelace\.\s+123456\s/),
      createdAt: core.clock.now(),
      expiresAt: soon(),
    });
  });

  test('to an account that has no address is none, and counts for nothing', async () => {
    const account = await accountOn(core);
    const attempt = freshAttempt(core, 'login');
    const silent = { ...account, email: null };
    expect(await mailToAccount(narrow(), attempt, silent, code(), soon())).toBeNull();
    expect(noticeToAccount(corridor, silent, code())).toBeNull();
    expect(await mailToAccount(narrow(), attempt, account, code(), soon())).not.toBeNull();
  });

  test('beyond the limits is withheld, and that is written down', async () => {
    const account = await accountOn(core);
    const attempt = freshAttempt(core, 'login');
    const to = { address: account.email ?? '', account: null };
    const told = { kind: 'sign-up-known', at: core.clock.now() } as const;
    const sendAll = async () => [
      await mailToAccount(narrow(), attempt, account, code(), soon()),
      await mailToAddress(narrow(), attempt, to, told, soon()),
    ];
    expect(await sendAll()).not.toContain(null);
    const events = await eventsDuring(core, async () => {
      expect(await sendAll()).toEqual([null, null]);
      expect(await mailToAddress(narrow(), attempt, { ...to, account }, code(), soon())).toBeNull();
    });
    const withheld = { event: 'mail.withheld', reason: 'source' };
    expect(events).toMatchObject([
      { ...withheld, accountId: account.id, detail: { channel: 'mail', kind: 'sign-in-code' } },
      { ...withheld, accountId: null, detail: { channel: 'mail', kind: 'sign-up-known' } },
      { ...withheld, accountId: account.id, detail: { channel: 'mail', kind: 'sign-in-code' } },
    ]);
  });

  test('that only tells is of use for a day, where nobody says how long', async () => {
    const account = await accountOn(core, { user: { name: 'Ada Lovelace' } });
    const told = { kind: 'password-changed', at: core.clock.now() } as const;
    expect(opened(noticeToAccount(corridor, account, told))).toMatchObject({
      kind: 'password-changed',
      to: { name: 'Ada Lovelace', address: account.email },
      expiresAt: core.clock.now() + DAY_MILLISECONDS,
    });
    expect(noticeToAccount(corridor, account, told, soon())).toMatchObject({ expiresAt: soon() });
  });

  test('to an address that is nobody’s yet calls nobody by name, in the words of the account that asks', async () => {
    const account = await accountOn(core, { user: { name: 'Eve' }, attributes: { locale: 'es' } });
    const attempt = freshAttempt(core, 'login');
    const address = `stranger${nextNumber()}@example.com`;
    const to = { address, account };
    expect(opened(await mailToAddress(corridor, attempt, to, code(), soon()))).toMatchObject({
      to: { name: '', address },
      subject: 'Tu código',
      text: expect.stringMatching(/^Hola, \.\s+123456\s/),
      expiresAt: soon(),
    });
  });

  test.each([
    ['of the organisation whose mount it is', SCHOOL, 'Ihr Anmeldecode'],
    ['of the configuration at a mount of no organisation', null, 'Your sign-in code'],
  ])('to somebody without an account has the words %s', async (_what, organisation, subject) => {
    const { mount, ...attempt } = freshAttempt(core, 'login');
    const at = { ...attempt, mount: { ...mount, organisation } };
    const to = { address: `stranger${nextNumber()}@example.com`, account: null };
    expect(opened(await mailToAddress(corridor, at, to, code(), soon()))).toMatchObject({ subject });
  });
});
