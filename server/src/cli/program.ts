import { Command, CommanderError } from 'commander';
import { OperatorError, StoreUnavailableError } from '../errors.ts';
import { version } from '../version.ts';
import { accountCommand } from './account.ts';
import { auditCommand } from './audit.ts';
import { note } from './command.ts';
import { contractCommand } from './contract.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { installationCommand } from './installation.ts';
import { keyCommand } from './key.ts';
import { mailCommand } from './mail.ts';
import { membershipCommand } from './membership.ts';
import { migrateCommand } from './migrate.ts';
import { organisationCommand } from './organisation.ts';
import { resourceServerCommand } from './resource-server.ts';
import { serveCommand } from './serve.ts';
import { sessionCommand } from './session.ts';

const USAGE_EXIT_CODE = 2;

/** The whole command line. */
export function createProgram(): Command {
  const program = new Command('latchkey')
    .description('One identity core behind every sign-in API you already have.')
    .version(version)
    .showHelpAfterError('(add --help to see what there is)');
  const commands = [
    serveCommand(),
    demoCommand(),
    migrateCommand(),
    importCommand(),
    exportCommand(),
    accountCommand(),
    membershipCommand(),
    organisationCommand(),
    sessionCommand(),
    installationCommand(),
    keyCommand(),
    resourceServerCommand(),
    mailCommand(),
    auditCommand(),
    contractCommand(),
    doctorCommand(),
  ];
  for (const each of commands) program.addCommand(each);
  for (const each of [program, ...commands, ...commands.flatMap((parent) => parent.commands)])
    each.exitOverride().copyInheritedSettings(program);
  return program;
}

/** Runs a command line. Sets the exit code: 0 for success, 1 for a refusal or failure, 2 for wrong usage. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    const message = messageOf(error);
    if (message !== null) note(`latchkey: ${message}`);
    // Threads of a store that is still open would keep the process alive.
    process.exit();
  }
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof CommanderError)) return 1;
  return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
}

/** One line for whatever went wrong; null when it has been told already, or nobody is there to read it. */
function messageOf(error: unknown): string | null {
  if (error instanceof CommanderError) return null;
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') return null;
  if (error instanceof OperatorError) return error.message;
  if (error instanceof StoreUnavailableError)
    return `the store is not available: ${error.message}. Try again, or run: latchkey doctor`;
  return `this should not have happened: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
