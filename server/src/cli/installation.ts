import { text as readAll } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { OperatorError } from '../errors.ts';
import { installationKey } from '../sign-in/throttle.ts';
import { recordAudit } from '../store/audit.ts';
import { forgiveAttempts } from '../store/count-attempt.ts';
import {
  type InstallationRecord,
  rotateInstallationPassword,
  setInstallationStatus,
} from '../store/installations.ts';
import { command, note, operator, withCore } from './command.ts';
import { requireGoodPassword } from './good-password.ts';
import { jsonText, print, printTable, shown } from './output.ts';

/** `latchkey installation …` */
export function installationCommand(): Command {
  const installation = command('installation', 'operate on mobile devices that sign in by themselves');
  installation.addCommand(listCommand());
  installation.addCommand(statusCommand('disable', 'let one sign in no more; its sessions end', 'inactive'));
  installation.addCommand(statusCommand('enable', 'let one sign in again', 'active'));
  installation.addCommand(unlockCommand());
  installation.addCommand(passwordCommand());
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
        await requireInstallation(core, id);
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

function unlockCommand(): Command {
  return command('unlock', 'forget what failed: ends its wait')
    .argument('<id>', 'its installationId')
    .action(async (id: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        await requireInstallation(core, id);
        const detail = { installationId: id, ...operator() };
        const event = { at: core.clock.now(), event: 'installation.unlocked', actor: 'operator' } as const;
        await core.store.commit([
          forgiveAttempts(installationKey(id)),
          recordAudit(auditEvent({ ...event, detail })),
        ]);
        note(`${id} is unlocked`);
      });
    });
}

async function requireInstallation(core: Core, id: string): Promise<void> {
  if ((await core.store.installations.record(id)) === null)
    throw new OperatorError(`there is no installation ${id}`);
}

const DAY_SECONDS = 86_400;
const LONGEST_OVERLAP_SECONDS = 30 * DAY_SECONDS;
/** What `credential-type` takes (contract documents). */
const PASSWORD_CHARACTERS = { least: 32, most: 256 };

function passwordCommand(): Command {
  return command('password', 'give one another password; the one before stays good for a time')
    .argument('<id>', 'its installationId')
    .requiredOption('--password-stdin', 'read the new password from standard input')
    .option(
      '--overlap-seconds <n>',
      'how long the one before stays good; 0 to end it now',
      seconds,
      DAY_SECONDS,
    )
    .action(async (id: string, { overlapSeconds }: { overlapSeconds: number }, called: Command) => {
      const password = (await readAll(process.stdin)).replace(/\r?\n$/, '');
      await withCore(called, (core) => replacePassword(core, id, password, overlapSeconds));
    });
}

function seconds(given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 0 || value > LONGEST_OVERLAP_SECONDS)
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${LONGEST_OVERLAP_SECONDS}.`);
  return value;
}

async function replacePassword(
  core: Core,
  id: string,
  password: string,
  overlapSeconds: number,
): Promise<void> {
  const { least, most } = PASSWORD_CHARACTERS;
  const characters = [...password].length;
  if (characters < least || characters > most)
    throw new OperatorError(`password must have ${least} to ${most} characters`);
  await requireGoodPassword(core, password, [id]);
  const at = core.clock.now();
  const committed = await core.store.commit([
    rotateInstallationPassword(id, hashPassword(password, core.config.hashing), at + overlapSeconds * 1000),
    recordAudit(
      auditEvent({
        at,
        event: 'installation.password-replaced',
        actor: 'operator',
        detail: { installationId: id, overlapSeconds, ...operator() },
      }),
    ),
  ]);
  if (!committed.ok) throw new OperatorError(`there is no installation ${id}`);
  note(
    overlapSeconds === 0
      ? `${id} has another password; the one before is void`
      : `${id} has another password; the one before is good for ${overlapSeconds} s more`,
  );
}
