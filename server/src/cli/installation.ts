import type { Command } from 'commander';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { type InstallationRecord, setInstallationStatus } from '../store/installations.ts';
import { command, note, operator, withCore } from './command.ts';
import { jsonText, print, printTable, shown } from './output.ts';

/** `latchkey installation …` */
export function installationCommand(): Command {
  const installation = command('installation', 'operate on mobile devices that sign in by themselves');
  installation.addCommand(listCommand());
  installation.addCommand(statusCommand('disable', 'let one sign in no more; its sessions end', 'inactive'));
  installation.addCommand(statusCommand('enable', 'let one sign in again', 'active'));
  return installation;
}

/** How many are read and printed at a time: there can be a great many. */
const PAGE_ROWS = 500;

function listCommand(): Command {
  return command('list', 'list installations')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }, called: Command) => {
      await withCore(called, ({ store }) =>
        options.json ? listAsJson(store.installations) : listAsTable(store.installations),
      );
    });
}

type Installations = Core['store']['installations'];

async function* pagesOf(installations: Installations): AsyncGenerator<InstallationRecord[]> {
  for (let last: InstallationRecord | undefined; ; ) {
    const page = await installations.page(last?.id ?? '', PAGE_ROWS);
    last = page.at(-1);
    if (!last) return;
    yield page;
  }
}

async function listAsJson(installations: Installations): Promise<void> {
  let separator = '[\n';
  for await (const page of pagesOf(installations)) {
    await print(separator + page.map(asJson).join(',\n'));
    separator = ',\n';
  }
  await print(separator === ',\n' ? '\n]\n' : '[]\n');
}

async function listAsTable(installations: Installations): Promise<void> {
  let count = 0;
  let widths: readonly number[] | undefined;
  for await (const page of pagesOf(installations)) {
    widths = await printTable(['INSTALLATION', 'ACCOUNT', 'STATUS'], page.map(asRow), widths);
    count += page.length;
  }
  note(`${count} installations`);
}

function asJson({ id, accountId, status }: InstallationRecord): string {
  return jsonText({ installationId: id, account: accountId, status });
}

function asRow({ id, accountId, status }: InstallationRecord): string[] {
  return [shown(id), accountId ?? '-', status];
}

function statusCommand(name: string, description: string, status: 'active' | 'inactive'): Command {
  return command(name, description)
    .argument('<id>', 'its installationId')
    .action(async (id: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        if ((await core.store.installations.record(id)) === null)
          throw new OperatorError(`there is no installation ${id}`);
        const at = core.clock.now();
        const committed = await core.store.commit([
          ...setInstallationStatus(id, status, at),
          recordAudit(
            auditEvent({
              at,
              event: status === 'active' ? 'installation.enabled' : 'installation.disabled',
              actor: 'operator',
              detail: { installationId: id, ...operator() },
            }),
          ),
        ]);
        note(`${id} ${committed.ok ? 'is' : 'was already'} ${status === 'active' ? 'enabled' : 'disabled'}`);
      });
    });
}
