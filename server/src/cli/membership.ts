import type { Command } from 'commander';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { removeMembership } from '../store/memberships.ts';
import { findAccount } from './account.ts';
import { command, note, operator, withCore } from './command.ts';
import { loadOne } from './load-one.ts';
import { printJson, printTable, shown } from './output.ts';

/** `latchkey membership …` */
export function membershipCommand(): Command {
  const membership = command('membership', 'operate on memberships');
  membership.addCommand(listCommand());
  membership.addCommand(
    changeCommand(
      'add',
      'give an account a role in an organisation',
      async (core, account, organisation, role) => {
        const result = await loadOne(core, { kind: 'membership', account, organisation, role });
        if (result === 'created') await audit(core, 'membership.added', account, organisation, role);
        return result === 'created' ? 'added' : 'was there already';
      },
    ),
  );
  membership.addCommand(
    changeCommand(
      'remove',
      'take a role in an organisation from an account; sessions of it end',
      async (core, account, organisation, role) => {
        const committed = await core.store.commit([
          removeMembership({ accountId: account, organisationId: organisation, role }),
        ]);
        if (!committed.ok) throw new OperatorError('there is no such membership');
        await audit(core, 'membership.removed', account, organisation, role);
        return 'removed';
      },
    ),
  );
  return membership;
}

async function audit(
  core: Core,
  event: 'membership.added' | 'membership.removed',
  accountId: string,
  organisationId: string,
  role: string,
): Promise<void> {
  await core.store.commit([
    recordAudit(
      auditEvent({ at: core.clock.now(), event, accountId, organisationId, detail: { role, ...operator() } }),
    ),
  ]);
}

function listCommand(): Command {
  return command('list', 'list an account’s memberships')
    .argument('<account>', 'id, user name, e-mail address or phone number')
    .option('--json', 'print JSON')
    .action(async (id: string, options: { json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        const rows = account.memberships.map(({ organisation, role }) => ({
          organisation: organisation.id,
          name: organisation.name,
          role: role.name,
        }));
        if (options.json) return printJson(rows);
        await printTable(
          ['ORGANISATION', 'NAME', 'ROLE'],
          rows.map((row) => [row.organisation, shown(row.name), shown(row.role)]),
        );
      });
    });
}

function changeCommand(
  name: string,
  description: string,
  change: (core: Core, account: string, organisation: string, role: string) => Promise<string>,
): Command {
  return command(name, description)
    .argument('<account>', 'id, user name, e-mail address or phone number')
    .argument('<organisation>', 'the organisation’s id')
    .argument('<role>', 'the role’s name')
    .action(async (id: string, organisation: string, role: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        note(
          `${role} in ${organisation}: ${await change(core, account.id, organisation.toLowerCase(), role)}`,
        );
      });
    });
}
