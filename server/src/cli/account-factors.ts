import { type Command, Option } from 'commander';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { type ChangedFactor, changeFactors, removalOf } from '../self-service/change-factors.ts';
import { MOST_WRONG_CODES } from '../sign-in/count-code.ts';
import { factorKey } from '../sign-in/throttle.ts';
import { recordAudit } from '../store/audit.ts';
import { command, note, operator, withCore } from './command.ts';
import { ACCOUNT_ARGUMENT, findAccount } from './find-account.ts';
import { printFields, printJson } from './output.ts';

/** What an operator can take away, in the words of the command line. */
const REMOVABLE = ['totp', 'email', 'recovery-codes', 'passkeys'] as const;

type Removable = (typeof REMOVABLE)[number];

/** All passkeys at once: which one was lost, an operator cannot see. */
const factorOf = (word: Removable): ChangedFactor => (word === 'passkeys' ? 'passkey' : word);

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
    .action(async (id: string, options: { remove?: Removable; json?: boolean }, called: Command) => {
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
): Promise<Readonly<Record<Removable, boolean | number>>> {
  return {
    totp: account.factors.totpSealed !== null,
    email: account.factors.email,
    'recovery-codes': (await core.store.recoveryCodes.leftOf(account.id)).size,
    passkeys: (await core.store.passkeys.ofAccount(account.id)).length,
  };
}

async function list(core: Core, account: AccountWithMemberships, asJson: boolean): Promise<void> {
  const { totp, email, 'recovery-codes': recoveryCodes, passkeys } = await factorsOf(core, account);
  const state = await core.store.attempts.state(factorKey(account.id));
  const wrongCodes = state?.failures ?? 0;
  const fields = {
    totp,
    email,
    recoveryCodes,
    passkeys,
    wrongCodes,
    closed: wrongCodes >= MOST_WRONG_CODES,
  };
  if (asJson) return printJson(fields);
  await printFields(fields);
  if (fields.closed)
    note(`after ${wrongCodes} wrong codes in a row no PIN or TOTP code is taken; unlock the account`);
}

async function remove(core: Core, account: AccountWithMemberships, word: Removable): Promise<void> {
  const factors = await factorsOf(core, account);
  if (!factors[word]) throw new OperatorError(`${account.id} has no ${word}`);
  const factor = factorOf(word);
  const event = auditEvent({
    at: core.clock.now(),
    event: 'factor.removed',
    actor: 'operator',
    accountId: account.id,
    factor,
    detail: operator(),
  });
  const committed = await core.store.commit([
    ...changeFactors(core, account, {
      factor,
      what: 'factor-removed',
      changes: [removalOf(factor, account.id)],
    }),
    recordAudit(event),
  ]);
  if (!committed.ok) throw new OperatorError(`${account.id} was changed meanwhile; try again`);
  note(`${account.id} has no ${word} any more, and its sessions have ended`);
}
