import { Command } from 'commander';
import { type Configuration, loadConfiguration } from '../config.ts';
import { type Core, openCore } from '../core.ts';
import type { Log } from '../ports.ts';
import type { StoreUse } from '../store/engine.ts';
import { jsonText } from './output.ts';

/** A subcommand with the options that every command has. */
export function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--config <file>', 'configuration file (default: latchkey.config.json, if there is one)');
}

/** The configuration that a command was called with. The command above it has the option too, and may be the one that took it. */
export function configurationOf(called: Command): Configuration {
  const { config } = called.optsWithGlobals<{ config?: string }>();
  return loadConfiguration({ file: config });
}

/** What short commands log: only what is wrong, as a line on stderr. */
const warnings: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => note(`${message} ${jsonText(fields)}`),
  error: (fields, message) => note(`${message} ${jsonText(fields)}`),
};

/** Does a command's work on the store and closes it, whatever happens. */
export async function withCore<T>(
  called: Command,
  work: (core: Core) => Promise<T>,
  use?: StoreUse,
): Promise<T> {
  const core = await openCore(configurationOf(called), warnings, use);
  try {
    return await work(core);
  } finally {
    await core.store.close();
  }
}

/** Tells the person at the terminal something: never part of a command's data. */
export function note(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** Marks the command as failed; it goes on to its end. */
export function fail(message: string): void {
  note(message);
  process.exitCode = 1;
}

/** Who gives orders at this command line, for the audit log. */
export function operator(): { by: string } {
  return { by: `command line, user ${process.getuid?.() ?? 'unknown'}` };
}
