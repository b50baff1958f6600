import type { AccountWithMemberships } from '../accounts/account.ts';
import { declined } from '../commands/decline.ts';
import type { OwnPasskey } from '../commands/passkeys.ts';
import { CHALLENGE_SECONDS, challengeEnd, passkeyChallenge } from '../factors/passkey-challenge.ts';
import { readClientData } from '../factors/passkey-response.ts';
import { userHandleOf } from '../factors/webauthn.ts';
import { isFresh, type Owner, ownerBehind } from '../sessions/owner.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { noticeToAccount } from '../sign-in/mail.ts';
import { drawTicket, readTicket } from '../sign-in/ticket.ts';
import { endAllButOne } from '../store/accounts.ts';
import { consumeTicket } from '../store/consume.ts';
import { forgetDevices } from '../store/devices.ts';
import type { Change, Committed } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import { addPasskey, PASSKEY_LIMIT, type Passkey, removePasskey } from '../store/passkeys.ts';
import { issueTicket, type Ticket } from '../store/tickets.ts';

/** Begins to add a passkey: a ticket of this session, and what a browser needs to make one. */
export async function passkeyEnrolmentOptions(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
): Promise<Outcome> {
  const owner = await freshOwner(corridor, attempt, token);
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

/** Adds the passkey that was made for a ticket. Whatever comes of it, the ticket is spent. */
export async function enrolPasskey(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'enrol-passkey' }>,
): Promise<Outcome> {
  const owner = await freshOwner(corridor, attempt, command.token);
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
  if (made === null) return refuseMade(corridor, attempt, owner, ticket);
  if ((await store.passkeys.ofAccount(owner.account.id)).length >= PASSKEY_LIMIT)
    return declined('too-many-passkeys');

  const { name } = command;
  const passkey: Passkey = { ...made, accountId: owner.account.id, name, createdAt: now, lastUsedAt: null };
  const committed = await commitChange(corridor, attempt, owner, 'factor-added', [
    consumeTicket(ticket.secretHash, now),
    addPasskey(passkey),
  ]);
  if (committed.ok) return { kind: 'passkey-added', passkey: shown(passkey) };
  return committed.guard === 'passkey' ? declined('passkey-known') : refused('ticket-invalid');
}

function isOf(ticket: Ticket, { account, session }: Owner): boolean {
  return ticket.accountId === account.id && ticket.sessionId === session.id;
}

async function refuseMade(
  corridor: Corridor,
  attempt: Attempt,
  { account, session }: Owner,
  ticket: Ticket,
): Promise<Outcome> {
  const now = corridor.clock.now();
  const committed = await corridor.store.commit([
    consumeTicket(ticket.secretHash, now),
    auditAttempt(attempt, now, 'factor.refused', {
      accountId: account.id,
      sessionId: session.id,
      factor: 'passkey',
    }),
  ]);
  return committed.ok ? declined('passkey-refused') : refused('ticket-invalid');
}

/** The account's passkeys, the oldest first. */
export async function listPasskeys(corridor: Corridor, attempt: Attempt, token: string): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const passkeys = await corridor.store.passkeys.ofAccount(owner.account.id);
  return { kind: 'passkeys', passkeys: passkeys.map(shown) };
}

/** Removes one. Somebody else's is as unknown as one that never was. */
export async function forgetPasskey(
  corridor: Corridor,
  attempt: Attempt,
  { token, passkeyId }: Extract<Command, { kind: 'remove-passkey' }>,
): Promise<Outcome> {
  const owner = await freshOwner(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const committed = await commitChange(corridor, attempt, owner, 'factor-removed', [
    removePasskey(owner.account.id, passkeyId),
  ]);
  if (committed.ok) return { kind: 'done' };
  return committed.guard === 'passkey' ? declined('no-such-passkey') : refused('token-invalid');
}

async function freshOwner(corridor: Corridor, attempt: Attempt, token: string): Promise<Owner | Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner || isFresh(owner, corridor.clock.now())) return owner;
  return declined('proof-required');
}

/**
 * Commits a change to the passkeys of an account, with all that follows from it: its other sessions and outstanding tickets
 * end, its devices are forgotten, and its owner is told (ASVS 7.4.3, 7.5.1).
 */
async function commitChange(
  corridor: Corridor,
  attempt: Attempt,
  { account, session }: Owner,
  kind: 'factor-added' | 'factor-removed',
  changes: readonly Change[],
): Promise<Committed> {
  const now = corridor.clock.now();
  const notice = noticeOf(corridor, account, kind, now);
  const committed = await corridor.store.commit([
    ...changes,
    ...endAllButOne(account.id, account.epoch, session.id, 'factors-changed', now),
    forgetDevices(account.id),
    auditAttempt(attempt, now, kind === 'factor-added' ? 'factor.added' : 'factor.removed', {
      accountId: account.id,
      sessionId: session.id,
      factor: 'passkey',
    }),
    ...notice,
  ]);
  if (committed.ok && notice.length > 0) corridor.mailQueued();
  return committed;
}

function noticeOf(
  corridor: Corridor,
  account: AccountWithMemberships,
  kind: 'factor-added' | 'factor-removed',
  at: number,
): Change[] {
  const mail = noticeToAccount(corridor, account, { kind, factor: 'passkey', at });
  return mail === null ? [] : [enqueueMail(mail)];
}

function shown({ id, name, deviceType, isBackedUp, createdAt, lastUsedAt }: Passkey): OwnPasskey {
  return { id, name, isSynced: deviceType === 'multiDevice', isBackedUp, createdAt, lastUsedAt };
}
