import { inspect } from './sessions/inspect.ts';
import { refresh } from './sessions/refresh.ts';
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
      return inspect(corridor, command.token);
  }
}
