import type { Command } from 'commander';
import { type AuditEvent, auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { removeMembership } from '../store/memberships.ts';
import { endMembershipSessions } from '../store/sessions.ts';
import { command, note, operator, withCore } from './command.ts';
import { findAccount } from './find-account.ts';
import { loadOne } from './load-one.ts';
import { printJson, printTable, shown } from './output.ts';

const PAGE_ROWS = 500;

/** `latchkey membership …` */
export function membershipCommand(): Command {
  const membership = command('membership', 'operate on memberships');
  membership.addCommand(listCommand());
  membership.addCommand(
    changeCommand(
      'add',
      'give an account a role in an organisation',
      async (core, account, organisation, role) => {
        const event = eventOf(core, 'membership.added', account, organisation, role);
        const result = await loadOne(core, { kind: 'membership', account, organisation, role }, event);
        return result === 'created' ? 'added' : 'was there already';
      },
    ),
  );
  membership.addCommand(
    changeCommand(
      'remove',
      'take a role in an organisation from an account; sessions of it end',
      async (core, account, organisation, role) => {
        const membership = { accountId: account, organisationId: organisation, role };
        const committed = await core.store.commit([
          ...endMembershipSessions(membership, 'membership-removed', core.clock.now()),
          removeMembership(membership),
          recordAudit(eventOf(core, 'membership.removed', account, organisation, role)),
        ]);
        if (!committed.ok) throw new OperatorError('there is no such membership');
        return 'removed';
      },
    ),
  );
  return membership;
}

function eventOf(
  core: Core,
  event: 'membership.added' | 'membership.removed',
  accountId: string,
  organisationId: string,
  role: string,
): AuditEvent {
  const detail = { role, ...operator() };
  return auditEvent({ at: core.clock.now(), event, actor: 'operator', accountId, organisationId, detail });
}

function listCommand(): Command {
  return command('list', 'list memberships')
    .argument('[account]', 'only of this account: id, user name, e-mail address or phone number')
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, options: { json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const rows = id === undefined ? await allMemberships(core) : await membershipsOf(core, id);
        if (options.json) return printJson(rows);
        await printTable(
          ['ACCOUNT', 'ORGANISATION', 'ROLE'],
          rows.map((row) => [row.account, row.organisation, shown(row.role)]),
        );
      });
    });
}

interface Row {
  readonly account: string;
  readonly organisation: string;
  readonly role: string;
}

async function membershipsOf(core: Core, id: string): Promise<Row[]> {
  const account = await findAccount(core, id);
  return account.memberships.map(({ organisation, role }) => ({
    account: account.id,
    organisation: organisation.id,
    role: role.name,
  }));
}

async function allMemberships(core: Core): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after = { accountId: '', organisationId: '', role: '' }; ; ) {
    const page = await core.store.memberships.page(after, PAGE_ROWS);
    const last = page.at(-1);
    if (!last) return rows;
    after = last;
    rows.push(
      ...page.map(({ accountId, organisationId, role }) => ({
        account: accountId,
        organisation: organisationId,
        role,
      })),
    );
  }
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
