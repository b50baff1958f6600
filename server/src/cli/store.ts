import type { Command } from 'commander';
import { servedMounts } from '../app.ts';
import type { Core } from '../core.ts';
import { command, note, withCore } from './command.ts';
import { type CutOff, cutOff } from './cut-off.ts';
import { printJson, time } from './output.ts';
import { createProgress } from './progress.ts';

/** `latchkey store …` */
export function storeCommand(): Command {
  const store = command('store', 'operate on the store as a whole');
  store.addCommand(cutOffCommand());
  return store;
}

function cutOffCommand(): Command {
  return command(
    'cut-off',
    'after a backup was restored: end what it may have brought back to life. Every session and token, ticket and mailed code ends, everybody signs in anew, and signing keys are replaced as by `key rotate --emergency`',
  )
    .option('--keep-devices', 'go on recognising devices, those that were forgotten since the backup too')
    .option('--json', 'print JSON')
    .action(async (options: { keepDevices?: boolean; json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const progress = createProgress('rows');
        const done = await cutOff(core, {
          keepDevices: options.keepDevices === true,
          tell: (rows) => progress.update(rows, null),
        }).finally(() => progress.end());
        const left = await leftOver(core);
        if (options.json) return printJson({ ...done, at: time(done.at), left });
        note(notice(core, done, left));
      });
    });
}

/** What nothing in the store tells apart from what it was when the backup was made. */
interface LeftOver {
  readonly resourceCodes: number;
  readonly recoveryCodes: number;
  readonly sharedSecretMounts: readonly string[];
}

async function leftOver({ store, clock, config }: Core): Promise<LeftOver> {
  return {
    resourceCodes: await store.cutOff.limitedCodes(clock.now()),
    recoveryCodes: await store.cutOff.recoveryCodes(),
    sharedSecretMounts: servedMounts(config).flatMap(({ name, secret }) => (secret === null ? [] : [name])),
  };
}

function notice({ config }: Core, done: CutOff, left: LeftOver): string {
  const { accounts, installations, sessions, devices, keys } = done;
  const mounts = left.sharedSecretMounts.join(', ');
  return [
    `The store is cut off from before ${time(done.at)}: ${sessions} sessions have ended, ${accounts} accounts and ${installations} installations sign in anew, ${devices} devices are forgotten, ${keys.length} signing keys are new.`,
    'What it cannot know, for it happened after the backup:',
    '- Accounts that were disabled, passwords and factors that were changed, memberships and resource servers that were removed are as they were: do it again.',
    `- ${left.resourceCodes} resource codes have uses left, and those since are forgotten: revoke what must not be used again.`,
    `- ${left.recoveryCodes} recovery codes are good, those that were used since too: latchkey account factors ACCOUNT --remove recovery-codes`,
    ...(mounts === ''
      ? []
      : [
          `- Whoever checks tokens with a shared secret by itself takes old ones until they expire: give these mounts another secret: ${mounts}`,
        ]),
    `Resource servers that do not follow the revocations take old tokens, and refuse new ones, until they read the JWKS again: up to ${config.keys.publishSeconds} s.`,
  ].join('\n');
}
