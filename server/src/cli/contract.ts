import type { Command } from 'commander';
import { servedMounts } from '../app.ts';
import { contracts, nativeContract } from '../contracts/index.ts';
import { command, configurationOf } from './command.ts';
import { printJson, printTable } from './output.ts';

/** `latchkey contract …` */
export function contractCommand(): Command {
  const contract = command('contract', 'look at contracts');
  contract.addCommand(
    command('list', 'list the contracts, where each is mounted, and its paths')
      .option('--json', 'print JSON')
      .action(async (options: { json?: boolean }, called: Command) => {
        const mounts = servedMounts(configurationOf(called));
        const rows = [...contracts, nativeContract].map(({ name, title, endpoints }) => {
          const mounted = mounts.filter((mount) => mount.contract.name === name);
          const paths = mounted.flatMap((mount) =>
            endpoints.map((endpoint) => `${endpoint.method} ${mount.prefix}${endpoint.path}`),
          );
          return { name, title, mounts: mounted.map((mount) => mount.name), paths };
        });
        if (options.json) return printJson(rows);
        await printTable(
          ['CONTRACT', 'MOUNT', 'PATH'],
          rows.flatMap((row) =>
            row.paths.length === 0
              ? [[row.name, '-', 'not mounted']]
              : row.paths.map((path, index) => [
                  index === 0 ? row.name : '',
                  index === 0 ? row.mounts.join(', ') : '',
                  path,
                ]),
          ),
        );
      }),
  );
  return contract;
}
