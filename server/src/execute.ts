import { inspect } from './sessions/inspect.ts';
import { me } from './sessions/me.ts';
import { endOne, endOthers, listSessions, signOut } from './sessions/own-sessions.ts';
import { refresh } from './sessions/refresh.ts';
import { switchRole } from './sessions/switch-role.ts';
import type { Caller, Command, Outcome } from './sign-in/attempt.ts';
import type { Attempt, Corridor } from './sign-in/corridor.ts';
import { resend } from './sign-in/prove.ts';
import { begin, pick, proveStep } from './sign-in/sign-in.ts';

/** Carries out a command from any door. Expected refusals are outcomes; whatever is thrown is a fault. */
export function execute(corridor: Corridor, command: Command, caller: Caller): Promise<Outcome> {
  const mount = corridor.mounts.get(caller.mount);
  if (!mount) throw new Error(`there is no mount ${caller.mount}`);
  const attempt: Attempt = { mount, caller };
  switch (command.kind) {
    case 'begin':
      return begin(corridor, attempt, command);
    case 'pick':
      return pick(corridor, attempt, command);
    case 'prove':
      return proveStep(corridor, attempt, command);
    case 'resend':
      return resend(corridor, attempt, command.ticket);
    case 'refresh':
      return refresh(corridor, attempt, command.refreshToken);
    case 'inspect':
      return inspect(corridor, attempt, command.token, command.organisation);
    case 'me':
      return me(corridor, attempt, command.token, command.organisation);
    case 'sign-out':
      return signOut(corridor, attempt, command.token);
    case 'list-sessions':
      return listSessions(corridor, attempt, command.token);
    case 'end-session':
      return endOne(corridor, attempt, command.token, command.sessionId);
    case 'end-other-sessions':
      return endOthers(corridor, attempt, command.token);
    case 'switch':
      return switchRole(corridor, attempt, command.token, command);
  }
}
