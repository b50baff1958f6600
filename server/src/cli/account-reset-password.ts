import type { Command } from 'commander';
import { auditEvent } from '../audit/event.ts';
import { nativeContract } from '../contracts/index.ts';
import { OperatorError } from '../errors.ts';
import { sendReset } from '../self-service/forgot-password.ts';
import { noticeToAccount } from '../sign-in/mail.ts';
import { recordAudit } from '../store/audit.ts';
import { command, note, operator, withCore } from './command.ts';
import { ACCOUNT_ARGUMENT, findAccount } from './find-account.ts';

/** `latchkey account reset-password`: whoever runs it never sees the code, nor the password that is set with it. */
export function resetPasswordCommand(): Command {
  return command('reset-password', 'start a password reset: the owner gets the code, nobody else sees it')
    .argument('<account>', ACCOUNT_ARGUMENT)
    .requiredOption('--send', 'mail a code to the account’s own address, which sets a new password')
    .action(async (id: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        const event = auditEvent({
          at: core.clock.now(),
          event: 'password.reset-asked',
          actor: 'operator',
          accountId: account.id,
          detail: operator(),
        });
        const isActive = account.status === 'active';
        const isQueued =
          isActive &&
          (await sendReset(core, account, {
            mount: nativeContract.name,
            audit: recordAudit(event),
            // An operator has no limit of sending.
            mailed: async (message, expiresAt) => noticeToAccount(core, account, message, expiresAt),
          }));
        if (!isActive) throw new OperatorError(`${account.id} is not active: it cannot have a new password`);
        if (!isQueued) throw new OperatorError(`${account.id} has no e-mail address to send a code to`);
        note(
          `${account.id} gets a code by mail, as soon as a server runs. Its password is the same until then.`,
        );
      });
    });
}
