import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { randomUuid } from '../crypto/secret-text.ts';
import { ownWordsOf } from '../passwords/own-words.ts';
import { command, operator, withCore } from './command.ts';
import { requireGoodPassword } from './good-password.ts';
import { loadOne } from './load-one.ts';
import { print, printJson } from './output.ts';

interface Options {
  readonly username?: string;
  readonly email?: string;
  readonly phone?: string;
  readonly organisation?: string;
  readonly name?: string;
  readonly role?: string;
  readonly emailValidated?: boolean;
  readonly passwordStdin?: boolean;
  readonly json?: boolean;
}

/** `latchkey account create` */
export function createAccountCommand(): Command {
  return command('create', 'make an account; it has no password unless one is given on standard input')
    .argument('[id]', 'its id, a UUID (default: a new one)')
    .option('--username <name>', 'user name')
    .option('--email <address>', 'e-mail address')
    .option('--phone <number>', 'phone number, international')
    .option('--organisation <id>', 'its home')
    .option('--name <name>', 'the person’s full name')
    .option('--role <role>', 'its role outside any organisation')
    .option('--email-validated', 'the address is known to be theirs')
    .option('--password-stdin', 'read the password from standard input')
    .option('--json', 'print JSON')
    .action(async (given: string | undefined, options: Options, called: Command) => {
      const password = options.passwordStdin
        ? (await readAll(process.stdin)).replace(/\r?\n$/, '')
        : undefined;
      await withCore(called, async (core) => {
        const id = given?.toLowerCase() ?? randomUuid(core.random);
        await create(core, id, options, password);
        if (options.json) await printJson({ id });
        else await print(`${id}\n`);
      });
    });
}

async function create(core: Core, id: string, options: Options, password: string | undefined): Promise<void> {
  if (password !== undefined) await requireGoodPassword(core, password, await ownWords(core, options));
  const { organisation, username, email, phone, role, name } = options;
  const emailValidated = options.emailValidated === true;
  const user = name === undefined ? {} : { user: { name } };
  await loadOne(
    core,
    { kind: 'account', id, organisation, username, email, phone, role, emailValidated, password, ...user },
    auditEvent({ at: core.clock.now(), event: 'account.created', accountId: id, detail: operator() }),
    { onlyNew: true },
  );
}

async function ownWords(core: Core, options: Options): Promise<readonly string[]> {
  const { username = null, email = null, name = '', organisation } = options;
  const home =
    organisation === undefined ? null : await core.store.organisations.byId(organisation.toLowerCase());
  const user = { name, firstName: null, lastName: null };
  return ownWordsOf({ username, email, user, home, memberships: [] });
}
