import type { Command } from 'commander';
import { deviceName } from '../accounts/fingerprint.ts';
import { userAgentInWords } from '../accounts/user-agent.ts';
import { auditEvent } from '../audit/event.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { endAnySession } from '../store/sessions.ts';
import { command, note, operator, withCore } from './command.ts';
import { findAccount } from './find-account.ts';
import { printJson, printTable, shown, time } from './output.ts';

/** `latchkey session …` */
export function sessionCommand(): Command {
  const session = command('session', 'operate on sessions');
  session.addCommand(listCommand());
  session.addCommand(endCommand());
  return session;
}

function listCommand(): Command {
  return command('list', 'list an account’s sessions, those used last first; a hundred at most')
    .argument('<account>', 'id, user name, e-mail address or phone number')
    .option('--json', 'print JSON')
    .action(async (id: string, options: { json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const account = await findAccount(core, id);
        const live = await core.store.sessions.liveOf(account.id, core.clock.now());
        const sessions = live.map(({ fingerprintHash, userAgent, createdAt, lastUsedAt, ...session }) => ({
          ...session,
          device: fingerprintHash === null ? null : deviceName(fingerprintHash),
          userAgent: userAgentInWords(userAgent),
          createdAt: time(createdAt),
          lastUsedAt: time(lastUsedAt),
        }));
        if (options.json) return printJson(sessions);
        await printTable(
          ['ID', 'MOUNT', 'ADDRESS', 'USER AGENT', 'ROLE', 'LAST USED AT'],
          sessions.map((session) => [
            session.id,
            session.mount,
            shown(session.address),
            shown(session.userAgent),
            shown(session.role),
            session.lastUsedAt,
          ]),
        );
      });
    });
}

function endCommand(): Command {
  return command('end', 'end one session')
    .argument('<id>', 'its id, as `session list` or the audit log has it')
    .action(async (id: string, _options: object, called: Command) => {
      await withCore(called, async (core) => {
        const now = core.clock.now();
        const committed = await core.store.commit([
          ...endAnySession(id, 'signed-out-by-operator', now),
          recordAudit(auditEvent({ at: now, event: 'session.ended', sessionId: id, detail: operator() })),
        ]);
        if (!committed.ok) throw new OperatorError(`there is no session ${shown(id)} that has not ended`);
        note(`${id} has ended`);
      });
    });
}
