import { Command, CommanderError } from 'commander';
import { OperatorError, StoreUnavailableError } from '../errors.ts';
import { version } from '../version.ts';
import { note } from './command.ts';

const USAGE_EXIT_CODE = 2;

/** What makes each command. Only the one that is called is loaded: none costs a start of another. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  migrate: async () => (await import('./migrate.ts')).migrateCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  account: async () => (await import('./account.ts')).accountCommand(),
  membership: async () => (await import('./membership.ts')).membershipCommand(),
  organisation: async () => (await import('./organisation.ts')).organisationCommand(),
  session: async () => (await import('./session.ts')).sessionCommand(),
  installation: async () => (await import('./installation.ts')).installationCommand(),
  key: async () => (await import('./key.ts')).keyCommand(),
  'resource-server': async () => (await import('./resource-server.ts')).resourceServerCommand(),
  store: async () => (await import('./store.ts')).storeCommand(),
  mail: async () => (await import('./mail.ts')).mailCommand(),
  audit: async () => (await import('./audit.ts')).auditCommand(),
  contract: async () => (await import('./contract.ts')).contractCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
};

/**
 * The command line.
 * @param called the command that is known to be called; without it, all of them
 */
export async function createProgram(called?: string): Promise<Command> {
  const program = new Command('latchkey')
    .description('One identity core behind every sign-in API you already have.')
    .version(version)
    .showHelpAfterError('(add --help to see what there is)');
  const wanted = called !== undefined && Object.hasOwn(COMMANDS, called) ? [called] : Object.keys(COMMANDS);
  const commands = await Promise.all(wanted.map((name) => COMMANDS[name]?.()));
  for (const each of commands) if (each) program.addCommand(each);
  for (const each of [program, ...program.commands, ...program.commands.flatMap((parent) => parent.commands)])
    each.exitOverride().copyInheritedSettings(program);
  return program;
}

/** Runs a command line. Sets the exit code: 0 for success, 1 for a refusal or failure, 2 for wrong usage. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    const program = await createProgram(argv[2]);
    await program.parseAsync([...argv]);
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
