import { declined } from '../commands/decline.ts';
import { methodsOf } from '../factors/passkey.ts';
import { CHALLENGE_SECONDS, challengeEnd, passkeyChallenge } from '../factors/passkey-challenge.ts';
import { readClientData } from '../factors/passkey-response.ts';
import { userHandleOf } from '../factors/webauthn.ts';
import type { Owner } from '../sessions/owner.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import { drawTicket, readTicket } from '../sign-in/ticket.ts';
import { consumeTicket } from '../store/consume.ts';
import { addPasskey, PASSKEY_LIMIT, type Passkey } from '../store/passkeys.ts';
import { setSessionMethods } from '../store/sessions.ts';
import { issueTicket, type Ticket } from '../store/tickets.ts';
import { changeOwnFactors } from './change-factors.ts';
import { freshOwnerBehind } from './fresh-owner.ts';
import { auditPasskey, shownPasskey } from './own-passkeys.ts';

/** Begins to add a passkey: a ticket of this session, and what a browser needs to make one. */
export async function passkeyEnrolmentOptions(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
): Promise<Outcome> {
  const owner = await freshOwnerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const { account, session } = owner;
  const known = await corridor.store.passkeys.ofAccount(account.id);
  if (known.length >= PASSKEY_LIMIT) return declined('too-many-passkeys');
  const { onWire, ticket } = drawTicket(corridor, attempt, {
    purpose: 'enrol-passkey',
    account,
    picked: null,
    sessionId: session.id,
    lifeSeconds: CHALLENGE_SECONDS,
  });
  await corridor.store.commit([issueTicket(ticket)]);
  const challenge = passkeyChallenge(bondOf(ticket), ticket.expiresAt, corridor.vault);
  const options = await corridor.webauthn.creationOptions(
    {
      userHandle: userHandleOf(account.id, corridor.vault),
      name: account.username ?? account.email ?? account.phone ?? account.user.name,
      displayName: account.user.name,
    },
    known,
    challenge,
  );
  return { kind: 'passkey-options', ticket: onWire, options };
}

const bondOf = ({ secretHash }: Ticket) => ({ ceremony: 'registration', ticketHash: secretHash }) as const;

/**
 * Adds the passkey that was made for a ticket, which is spent whether or not it is right. The session goes on as one that has
 * shown it.
 */
export async function enrolPasskey(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'enrol-passkey' }>,
): Promise<Outcome> {
  const owner = await freshOwnerBehind(corridor, attempt, command.token);
  if ('kind' in owner) return owner;
  const taken = await readTicket(corridor, command.ticket, {
    purposes: ['enrol-passkey'],
    takes: (mount) => mount.name === attempt.mount.name,
  });
  if (!taken || !isOf(taken.ticket, owner)) return refused('ticket-invalid');
  const { ticket } = taken;
  const { store, clock, vault } = corridor;
  const now = clock.now();
  const challenge = readClientData(command.response.clientDataJSON)?.challenge ?? '';
  const isAsked = challengeEnd(challenge, bondOf(ticket), now, vault) !== null;
  const made = isAsked ? await corridor.webauthn.checkMade(command.response) : null;
  if (made === null) return refuseMade(corridor, owner, ticket);
  if ((await store.passkeys.ofAccount(owner.account.id)).length >= PASSKEY_LIMIT)
    return declined('too-many-passkeys');

  const { name } = command;
  const passkey: Passkey = { ...made, accountId: owner.account.id, name, createdAt: now, lastUsedAt: null };
  const committed = await store.commit([
    consumeTicket(ticket.secretHash, now),
    ...(await changeOwnFactors(corridor, owner, {
      factor: 'passkey',
      what: 'factor-added',
      changes: [addPasskey(passkey)],
    })),
    setSessionMethods(owner.session.id, [...new Set([...owner.session.methods, ...methodsOf(passkey)])]),
    auditPasskey(corridor, owner, 'factor.added'),
  ]);
  if (!committed.ok)
    return committed.guard === 'passkey' ? declined('passkey-known') : refused('ticket-invalid');
  corridor.mailQueued();
  return { kind: 'passkey-added', passkey: shownPasskey(passkey) };
}

function isOf(ticket: Ticket, { account, session }: Owner): boolean {
  return ticket.accountId === account.id && ticket.sessionId === session.id;
}

async function refuseMade(corridor: Corridor, owner: Owner, ticket: Ticket): Promise<Outcome> {
  const committed = await corridor.store.commit([
    consumeTicket(ticket.secretHash, corridor.clock.now()),
    auditPasskey(corridor, owner, 'factor.refused'),
  ]);
  return committed.ok ? declined('passkey-refused') : refused('ticket-invalid');
}
