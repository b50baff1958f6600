import type { Command } from 'commander';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { setOrganisationSuspended } from '../store/organisations.ts';
import { command, note, operator, withCore } from './command.ts';
import { printFields, printJson, printTable, shown } from './output.ts';

/** `latchkey organisation …` */
export function organisationCommand(): Command {
  const organisation = command('organisation', 'operate on organisations');
  organisation.addCommand(listCommand());
  organisation.addCommand(showCommand());
  organisation.addCommand(
    suspendCommand('suspend', 'let nobody act inside an organisation; its sessions stand still', true),
  );
  organisation.addCommand(suspendCommand('resume', 'end a suspension', false));
  return organisation;
}

function listCommand(): Command {
  return command('list', 'list organisations')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }, called: Command) => {
      await withCore(called, async ({ store }) => {
        const all = await store.organisations.all();
        if (options.json)
          return printJson(
            all.map(({ parentId, ...organisation }) => ({ ...organisation, parent: parentId })),
          );
        await printTable(
          ['ID', 'NAME', 'PARENT', 'SUSPENDED'],
          all.map((each) => [
            each.id,
            shown(each.name),
            each.parentId ?? '-',
            each.isSuspended ? 'yes' : 'no',
          ]),
        );
      });
    });
}

async function find(core: Core, id: string) {
  const organisation = await core.store.organisations.byId(id.toLowerCase());
  if (!organisation) throw new OperatorError(`there is no organisation ${id}`);
  return organisation;
}

function showCommand(): Command {
  return command('show', 'show an organisation')
    .argument('<id>', 'its id')
    .option('--json', 'print JSON')
    .action(async (id: string, options: { json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const { parentId, settings, ...organisation } = await find(core, id);
        const headcount = await core.store.organisations.headcount(organisation.id);
        if (options.json) return printJson({ ...organisation, parent: parentId, settings, ...headcount });
        await printFields({
          ...organisation,
          name: shown(organisation.name),
          parent: parentId,
          settings: settings && JSON.stringify(settings),
          ...headcount,
        });
      });
    });
}

function suspendCommand(name: string, description: string, suspended: boolean): Command {
  return command(name, description)
    .argument('<id>', 'its id')
    .action(async (id: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        const organisation = await find(core, id);
        const event = suspended ? 'organisation.suspended' : 'organisation.resumed';
        const committed = await core.store.commit([
          ...setOrganisationSuspended(organisation.id, suspended, core.clock.now()),
          recordAudit(
            auditEvent({
              at: core.clock.now(),
              event,
              actor: 'operator',
              organisationId: organisation.id,
              detail: operator(),
            }),
          ),
        ]);
        note(
          `${organisation.id} ${committed.ok ? 'is' : 'was already'} ${suspended ? 'suspended' : 'in service'}`,
        );
      });
    });
}
