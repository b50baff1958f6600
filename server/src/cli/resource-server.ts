import { type Command, InvalidArgumentError } from 'commander';
import { auditEvent } from '../audit/event.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { addResourceServer, removeResourceServer } from '../store/resource-servers.ts';
import { command, note, operator, withCore } from './command.ts';
import { print, printJson, printTable, time } from './output.ts';

const NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;

/** `latchkey resource-server …` */
export function resourceServerCommand(): Command {
  const server = command('resource-server', 'operate on services that take our tokens');
  server.addCommand(addCommand());
  server.addCommand(listCommand());
  server.addCommand(removeCommand());
  return server;
}

function goodName(text: string): string {
  if (!NAME.test(text)) throw new InvalidArgumentError('Use a-z, 0-9, dots and dashes.');
  return text;
}

function addCommand(): Command {
  return command('add', 'make a credential for following revocations; it is shown this once')
    .argument('<name>', 'small letters, digits, dots and dashes', goodName)
    .option('--json', 'print JSON')
    .action(async (name: string, options: { json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const credential = opaqueSecret(core.random);
        const now = core.clock.now();
        const committed = await core.store.commit([
          addResourceServer({ name, createdAt: now }, secretHash(credential)),
          recordAudit(
            auditEvent({
              at: now,
              event: 'resource-server.added',
              actor: 'operator',
              detail: { name, ...operator() },
            }),
          ),
        ]);
        if (!committed.ok) throw new OperatorError(`there is a resource server ${name} already`);
        if (options.json) await printJson({ name, credential });
        else await print(`${credential}\n`);
      });
    });
}

function listCommand(): Command {
  return command('list', 'list resource servers')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }, called: Command) => {
      await withCore(called, async ({ store }) => {
        const servers = await store.resourceServers.all();
        const rows = servers.map(({ name, createdAt }) => ({ name, createdAt: time(createdAt) }));
        if (options.json) return printJson(rows);
        await printTable(
          ['NAME', 'CREATED AT'],
          rows.map((row) => [row.name, row.createdAt]),
        );
      });
    });
}

function removeCommand(): Command {
  return command('remove', 'take a resource server’s credential away')
    .argument('<name>', 'its name')
    .action(async (name: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        const committed = await core.store.commit([
          removeResourceServer(name),
          recordAudit(
            auditEvent({
              at: core.clock.now(),
              event: 'resource-server.removed',
              actor: 'operator',
              detail: { name, ...operator() },
            }),
          ),
        ]);
        if (!committed.ok) throw new OperatorError(`there is no resource server ${name}`);
        note(`${name} is removed`);
      });
    });
}
