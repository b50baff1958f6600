import type { Command } from 'commander';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { lockAfter } from '../accounts/policy.ts';
import { type AuditEvent, type AuditEventName, auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { accountKey, deviceKey, factorKey } from '../sign-in/throttle.ts';
import { setAccountStatus, signAccountOut } from '../store/accounts.ts';
import { recordAudit } from '../store/audit.ts';
import { type AttemptState, forgiveAttempts, forgiveDeviceAttempts } from '../store/count-attempt.ts';
import type { Change } from '../store/engine.ts';
import { devicesCommand } from './account-devices.ts';
import { factorsCommand } from './account-factors.ts';
import { resetPasswordCommand } from './account-reset-password.ts';
import { command, note, operator, withCore } from './command.ts';
import { createAccountCommand } from './create-account.ts';
import { ACCOUNT_ARGUMENT, findAccount } from './find-account.ts';
import { jsonText, print, printFields, printJson, printTable, shown, time } from './output.ts';

const PAGE_ROWS = 500;

/** `latchkey account …` */
export function accountCommand(): Command {
  const account = command('account', 'operate on accounts');
  account.addCommand(listCommand());
  account.addCommand(showCommand());
  account.addCommand(createAccountCommand());
  account.addCommand(
    stateCommand('disable', 'end an account’s sessions and let it sign in no more', disable),
  );
  account.addCommand(stateCommand('enable', 'let a disabled account sign in again', enable));
  account.addCommand(stateCommand('unlock', 'forget what failed: ends a lock and every wait', unlock));
  account.addCommand(stateCommand('sign-out', 'end every session of an account', signOut));
  account.addCommand(devicesCommand());
  account.addCommand(resetPasswordCommand());
  account.addCommand(factorsCommand());
  return account;
}

function listCommand(): Command {
  return command('list', 'list accounts in the order of their numbers')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }, called: Command) => {
      await withCore(called, async ({ store }) => {
        let separator = '[\n';
        let count = 0;
        let widths: readonly number[] | undefined;
        for (let after = 0; ; ) {
          const page = await store.accountRecords.page(after, PAGE_ROWS);
          const last = page.at(-1);
          if (!last) break;
          after = last.number;
          count += page.length;
          if (options.json) {
            const objects = page.map(({ id, number, homeId, username, email, phone, status }) => ({
              id,
              number,
              organisation: homeId,
              username,
              email,
              phone,
              status,
            }));
            await print(separator + objects.map((object) => jsonText(object)).join(',\n'));
            separator = ',\n';
          } else {
            widths = await printTable(
              ['ID', 'NUMBER', 'USER NAME', 'E-MAIL', 'STATUS'],
              page.map((each) => [
                each.id,
                String(each.number),
                shown(each.username),
                shown(each.email),
                each.status,
              ]),
              widths,
            );
          }
        }
        if (options.json) await print(count === 0 ? '[]\n' : '\n]\n');
        else note(`${count} accounts`);
      });
    });
}

function showCommand(): Command {
  return command('show', 'show an account, and when and why it is locked or waiting')
    .argument('<account>', ACCOUNT_ARGUMENT)
    .option('--json', 'print JSON')
    .action(async (id: string, options: { json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        const password = await core.store.attempts.state(accountKey(account.id));
        const factor = await core.store.attempts.state(factorKey(account.id));
        const now = core.clock.now();
        const fields = {
          id: account.id,
          number: account.number,
          organisation: account.home?.id ?? null,
          username: account.username,
          email: account.email,
          phone: account.phone,
          status: account.status,
          emailValidated: account.emailValidated,
          phoneValidated: account.phoneValidated,
          createdAt: time(account.createdAt),
          name: account.user.name,
          role: account.role?.name ?? null,
          memberships: account.memberships.map(({ organisation, role }) => ({
            organisation: organisation.id,
            name: organisation.name,
            role: role.name,
          })),
          hasPassword: account.passwordHash !== null,
          secondFactor: { email: account.factors.email, totp: account.factors.totpSealed !== null },
          recogniseDevices: account.recogniseDevices,
          devices: (await core.store.devices.ofAccount(account.id)).length,
          signIns: account.signIns,
          failedSignIns: account.failedSignIns,
          locked: lockOf(account, password, now),
          waiting: { password: waitOf(password, now), secondFactor: waitOf(factor, now) },
        };
        if (options.json) return printJson(fields);
        await printFields({
          ...fields,
          memberships:
            fields.memberships.map((each) => `${shown(each.role)} in ${shown(each.name)}`).join(', ') || null,
          secondFactor:
            [
              ...(account.factors.email ? ['e-mail'] : []),
              ...(account.factors.totpSealed ? ['TOTP'] : []),
            ].join(', ') || null,
          locked: fields.locked && `until ${fields.locked.until}: ${fields.locked.reason}`,
          waiting:
            [fields.waiting.password, fields.waiting.secondFactor]
              .flatMap((wait) => (wait ? [`until ${wait.until}: ${wait.failures} failures`] : []))
              .join(', ') || null,
        });
      });
    });
}

function lockOf(
  account: AccountWithMemberships,
  state: AttemptState | null,
  now: number,
): { until: string; reason: string } | null {
  if (state === null || state.lockedUntil <= now) return null;
  const limit = lockAfter(account);
  return {
    until: time(state.lockedUntil),
    reason: `${state.streak} wrong passwords in a row, ${limit ?? 'fewer'} are allowed (maxFailedSignInAttempts)`,
  };
}

function waitOf(state: AttemptState | null, now: number): { until: string; failures: number } | null {
  return state === null || state.blockedUntil <= now
    ? null
    : { until: time(state.blockedUntil), failures: state.failures };
}

type Operation = (
  core: Core,
  account: AccountWithMemberships,
) => { changes: readonly Change[]; done: string; already?: string };

function stateCommand(name: string, description: string, operation: Operation): Command {
  return command(name, description)
    .argument('<account>', ACCOUNT_ARGUMENT)
    .action(async (id: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        if (account.status === 'deleted') throw new OperatorError(`${account.id} is deleted`);
        const { changes, done, already } = operation(core, account);
        const committed = await core.store.commit(changes);
        if (!committed.ok && already === undefined) throw new OperatorError(`${account.id} is gone`);
        note(`${account.id} ${committed.ok ? done : already}`);
      });
    });
}

function eventOf(core: Core, accountId: string, event: AuditEventName): AuditEvent {
  return auditEvent({ at: core.clock.now(), event, actor: 'operator', accountId, detail: operator() });
}

const disable: Operation = (core, account) => ({
  changes: [
    ...setAccountStatus(account.id, 'inactive', core.clock.now()),
    recordAudit(eventOf(core, account.id, 'account.disabled')),
  ],
  done: 'is disabled and its sessions have ended',
  already: 'was disabled already',
});

const enable: Operation = (core, account) => ({
  changes: [
    ...setAccountStatus(account.id, 'active', core.clock.now()),
    recordAudit(eventOf(core, account.id, 'account.enabled')),
  ],
  done: 'is enabled',
  already: 'was enabled already',
});

const unlock: Operation = (core, account) => ({
  changes: [
    forgiveAttempts(accountKey(account.id), factorKey(account.id)),
    forgiveDeviceAttempts(deviceKey(account.id, ''), account.id),
    recordAudit(eventOf(core, account.id, 'account.unlocked')),
  ],
  done: 'is unlocked',
});

const signOut: Operation = (core, account) => ({
  changes: [
    ...signAccountOut(account.id, core.clock.now()),
    recordAudit(eventOf(core, account.id, 'account.signed-out')),
  ],
  done: 'has no session any more',
});
