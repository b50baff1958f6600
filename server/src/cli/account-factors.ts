import { type Command, Option } from 'commander';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { auditEvent } from '../audit/event.ts';
import type { RemovableFactor } from '../commands/factor.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { changeFactors, removalOf } from '../self-service/change-factors.ts';
import { MOST_WRONG_CODES } from '../sign-in/count-code.ts';
import { factorKey } from '../sign-in/throttle.ts';
import { recordAudit } from '../store/audit.ts';
import { command, note, operator, withCore } from './command.ts';
import { ACCOUNT_ARGUMENT, findAccount } from './find-account.ts';
import { printFields, printJson } from './output.ts';

/** What an operator can take away, in the words of the command line. */
const REMOVABLE: readonly RemovableFactor[] = ['totp', 'email', 'recovery-codes'];

/** `latchkey account factors` */
export function factorsCommand(): Command {
  return command('factors', 'list the second factors of an account, or remove one')
    .argument('<account>', ACCOUNT_ARGUMENT)
    .addOption(
      new Option('--remove <factor>', 'take it away: its sessions end, and its address is told').choices(
        REMOVABLE,
      ),
    )
    .option('--json', 'print JSON')
    .action(async (id: string, options: { remove?: RemovableFactor; json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        if (options.remove !== undefined) await remove(core, account, options.remove);
        else await list(core, account, options.json === true);
      });
    });
}

/** What of an account's there is, by the words for it. */
async function factorsOf(
  core: Core,
  account: AccountWithMemberships,
): Promise<Readonly<Record<RemovableFactor, boolean | number>>> {
  return {
    totp: account.factors.totpSealed !== null,
    email: account.factors.email,
    'recovery-codes': (await core.store.recoveryCodes.leftOf(account.id)).size,
  };
}

async function list(core: Core, account: AccountWithMemberships, asJson: boolean): Promise<void> {
  const { totp, email, 'recovery-codes': recoveryCodes } = await factorsOf(core, account);
  const state = await core.store.attempts.state(factorKey(account.id));
  const wrongCodes = state?.failures ?? 0;
  const fields = {
    totp,
    email,
    recoveryCodes,
    wrongCodes,
    closed: wrongCodes >= MOST_WRONG_CODES,
  };
  if (asJson) return printJson(fields);
  await printFields(fields);
  if (fields.closed)
    note(`after ${wrongCodes} wrong codes in a row no PIN or TOTP code is taken; unlock the account`);
}

async function remove(core: Core, account: AccountWithMemberships, factor: RemovableFactor): Promise<void> {
  const factors = await factorsOf(core, account);
  if (!factors[factor]) throw new OperatorError(`${account.id} has no ${factor}`);
  const event = auditEvent({
    at: core.clock.now(),
    event: 'factor.removed',
    actor: 'operator',
    accountId: account.id,
    factor,
    detail: operator(),
  });
  const committed = await core.store.commit([
    ...changeFactors(core, {
      account,
      factor,
      what: 'factor-removed',
      keptSessionId: null,
      changes: [removalOf(factor, account.id)],
    }),
    recordAudit(event),
  ]);
  if (!committed.ok) throw new OperatorError(`${account.id} was changed meanwhile; try again`);
  note(`${account.id} has no ${factor} any more, and its sessions have ended`);
}
