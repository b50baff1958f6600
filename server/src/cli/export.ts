import type { Command } from 'commander';
import { exportDirectory } from '../directory/export.ts';
import { command, withCore } from './command.ts';
import { print } from './output.ts';

const BLOCK_CHARACTERS = 64 * 1024;

/** `latchkey export` */
export function exportCommand(): Command {
  return command(
    'export',
    'write the whole directory to standard output; the result is a secret: it holds hashes, seeds and codes',
  ).action(async (_options: object, called: Command) => {
    await withCore(called, async (core) => {
      let block = '';
      for await (const line of exportDirectory(core)) {
        block += `${JSON.stringify(line)}\n`;
        if (block.length < BLOCK_CHARACTERS) continue;
        await print(block);
        block = '';
      }
      await print(block);
    });
  });
}
