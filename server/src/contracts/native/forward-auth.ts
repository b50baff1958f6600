import type { ActiveSession } from '../../sign-in/attempt.ts';
import type { Reply } from '../contract.ts';

/** The identity headers that a proxy passes on: it must overwrite what its client sent under these names. */
export function forwardReply(session: ActiveSession): Reply {
  const headers: Record<string, string> = {
    'x-auth-principal': session.principal.kind,
    'x-auth-subject': session.principal.id,
    'x-auth-account': session.account ?? '',
    'x-auth-organisation': session.effectiveOrganisation ?? session.organisation ?? '',
    'x-auth-role': session.role ?? '',
    'x-auth-scopes': session.scopes.join(' '),
  };
  return { status: 200, body: null, headers: Object.fromEntries(Object.entries(headers).map(encoded)) };
}

/** A header holds visible ASCII: everything else, and the percent sign, is percent-encoded. */
function encoded([name, value]: [string, string]): [string, string] {
  return [name, value.replace(/[^\x20-\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character))];
}
