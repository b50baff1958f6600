import type { Command } from 'commander';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { forgetDevice, forgetDevices } from '../store/devices.ts';
import { command, note, operator, withCore } from './command.ts';
import { ACCOUNT_ARGUMENT, findAccount } from './find-account.ts';
import { printJson, printTable, shown, time } from './output.ts';

/** `latchkey account devices` */
export function devicesCommand(): Command {
  return command('devices', 'list the devices that an account recognises, or forget some')
    .argument('<account>', ACCOUNT_ARGUMENT)
    .option(
      '--forget <device>',
      'forget the one with this id, or `all`: the next sign-in from it asks for a code',
    )
    .option('--json', 'print JSON')
    .action(async (id: string, options: { forget?: string; json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        if (options.forget !== undefined) await forget(core, account, options.forget);
        else await list(core, account, options.json === true);
      });
    });
}

async function list(core: Core, account: AccountWithMemberships, asJson: boolean): Promise<void> {
  const usedSince = core.clock.now() - core.config.devices.forgetSeconds * 1000;
  const devices = (await core.store.devices.known(account.id, null, usedSince)).map((device) => ({
    id: device.id,
    name: device.name,
    createdAt: time(device.createdAt),
    lastUsedAt: time(device.lastUsedAt),
  }));
  if (asJson) return printJson(devices);
  await printTable(
    ['ID', 'NAME', 'KNOWN SINCE', 'LAST USED'],
    devices.map(({ id, name, createdAt, lastUsedAt }) => [id, shown(name), createdAt, lastUsedAt]),
  );
  if (!account.recogniseDevices) note(`${account.id} does not ask for recognised devices`);
}

async function forget(core: Core, account: AccountWithMemberships, meant: string): Promise<void> {
  const isAll = meant === 'all';
  const event = auditEvent({
    at: core.clock.now(),
    event: 'device.forgotten',
    actor: 'operator',
    accountId: account.id,
    device: isAll ? null : meant,
    detail: operator(),
  });
  const committed = await core.store.commit([
    isAll ? forgetDevices(account.id) : forgetDevice(account.id, meant),
    recordAudit(event),
  ]);
  if (!committed.ok) throw new OperatorError(`${account.id} knows no device ${meant}`);
  const count = committed.rows[0]?.length ?? 0;
  note(`${account.id} has forgotten ${count === 1 ? '1 device' : `${count} devices`}`);
}
