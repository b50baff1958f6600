import type { Command } from 'commander';
import { unreachable } from '../core.ts';
import { OperatorError, StoreUnavailableError } from '../errors.ts';
import { systemClock } from '../ports.ts';
import { openStore } from '../store/store.ts';
import { command, configurationOf, note } from './command.ts';

/** `latchkey migrate` */
export function migrateCommand(): Command {
  return command(
    'migrate',
    'bring the store’s schema up to date; safe to repeat, and to run on several nodes at once',
  ).action(async (_options: object, called: Command) => {
    const config = configurationOf(called);
    const silent = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
    };
    const store = await openStore(config.store.url, silent);
    try {
      const applied = await store.migrate(systemClock, { tell: note });
      note(applied.length === 0 ? 'the schema is up to date' : `applied: ${applied.join(', ')}`);
    } catch (error) {
      throw error instanceof StoreUnavailableError ? new OperatorError(unreachable(config, error)) : error;
    } finally {
      await store.close();
    }
  });
}
