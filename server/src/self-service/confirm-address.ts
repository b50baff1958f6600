import type { AddressKind } from '../commands/address.ts';
import { isMailedCode, normalCode } from '../factors/mailed-code.ts';
import { type Owner, ownerBehind } from '../sessions/owner.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { admitCode, isClosedToGuesses, refuseCode } from '../sign-in/count-code.ts';
import { throughGate } from '../sign-in/gate.ts';
import { noticeChanges } from '../sign-in/notice.ts';
import { type Hold, releaseHolds } from '../sign-in/throttle.ts';
import { readTicket } from '../sign-in/ticket.ts';
import { endAllButOne, holdAccount } from '../store/accounts.ts';
import { replaceAddress, validateAddress } from '../store/addresses.ts';
import { forgetAttached, forgetUnprovenPassword } from '../store/attached.ts';
import { consumeTicket } from '../store/consume.ts';
import { forgetDevices } from '../store/devices.ts';
import type { Change } from '../store/engine.ts';
import type { Ticket } from '../store/tickets.ts';
import { ADDRESS_PURPOSES, readAddress } from './prove-address.ts';

/** Takes the code that was sent to an address: from then on it is proven, and where it was to be, the account's. */
export function confirmAddress(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'confirm-address' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, async () => {
    const owner = await ownerBehind(corridor, attempt, command.token);
    if ('kind' in owner) return owner;
    const purposes = Object.values(ADDRESS_PURPOSES[command.address]);
    const taken = await readTicket(corridor, command.ticket, { purposes, takes: () => true });
    if (!taken || taken.ticket.sessionId !== owner.session.id) return refused('ticket-invalid');
    return confirm(corridor, owner, taken.ticket, command);
  });
}

async function confirm(
  corridor: Corridor,
  owner: Owner,
  ticket: Ticket,
  { address: kind, code }: { readonly address: AddressKind; readonly code: string },
): Promise<Outcome> {
  const { vault, clock } = corridor;
  const { account, origin } = owner;
  const hold = await admitCode(corridor, origin, ticket);
  if ('kind' in hold) return hold;
  const refuse = () =>
    refuseCode(corridor, origin, { accountId: account.id, hold, reason: 'address', factor: kind });
  const isRight =
    !isClosedToGuesses(hold) &&
    isMailedCode(ticket.secretHash, ticket.code, normalCode(code), clock.now(), vault);
  if (!isRight) return refuse();

  const proof = proofOf(corridor, owner, ticket, kind);
  const changes = await changesBy(corridor, owner, proof, hold, ticket);
  const committed = await corridor.store.commit(changes);
  // Another account got it meanwhile: who has what is not told.
  if (!committed.ok && committed.guard === 'address' && proof.isChange) return refuse();
  if (!committed.ok) {
    await corridor.throttle.release([hold]);
    return refused('ticket-invalid');
  }
  corridor.throttle.settled([hold]);
  corridor.mailQueued();
  return { kind: 'done' };
}

/** An address that was proven. */
interface AddressProof {
  readonly kind: AddressKind;
  /** As it is kept. */
  readonly address: string;
  /** Whether it takes the place of the present one. */
  readonly isChange: boolean;
  /**
   * Whether somebody else may have made the account: its e-mail address was not proven so far, and who proves one has not shown
   * the password. Then what it signs in with is not the owner's.
   */
  readonly isTakenOver: boolean;
}

function proofOf(
  corridor: Corridor,
  { account, session }: Owner,
  ticket: Ticket,
  kind: AddressKind,
): AddressProof {
  if (ticket.payloadSealed === null) throw new Error('a ticket for an address without one');
  return {
    kind,
    address: corridor.vault.unseal(ticket.purpose, ticket.payloadSealed),
    isChange: ticket.purpose === ADDRESS_PURPOSES[kind].change,
    isTakenOver: kind === 'email' && !account.emailValidated && !session.methods.includes('pwd'),
  };
}

async function changesBy(
  corridor: Corridor,
  { account, session, origin }: Owner,
  proof: AddressProof,
  hold: Hold,
  ticket: Ticket,
): Promise<Change[]> {
  const now = corridor.clock.now();
  return [
    consumeTicket(ticket.secretHash, now),
    ...endings(account, session.id, proof, now),
    ...(proof.isTakenOver ? [...forgetAttached(account.id), forgetUnprovenPassword(account.id)] : []),
    ...(proof.isChange
      ? await replacing(corridor, origin, account, proof)
      : [validateAddress(account.id, proof.kind, proof.address)]),
    ...releaseHolds([hold]),
    auditAttempt(origin, now, proof.isChange ? 'address.changed' : 'address.validated', {
      accountId: account.id,
      sessionId: session.id,
      detail: { address: proof.kind, takenOver: proof.isTakenOver },
    }),
  ];
}

/** What ends: with another address, the other sessions and all codes; where the account is taken over, everything. */
function endings(account: Owner['account'], sessionId: string, proof: AddressProof, now: number): Change[] {
  if (proof.isTakenOver)
    return [
      ...endAllButOne(account.id, account.epoch, null, 'address-changed', now),
      forgetDevices(account.id),
    ];
  return proof.isChange
    ? endAllButOne(account.id, account.epoch, sessionId, 'address-changed', now)
    : [holdAccount(account.id, account.epoch)];
}

/** The new address in the place of the old one, which is told. */
async function replacing(
  corridor: Corridor,
  origin: Owner['origin'],
  account: Owner['account'],
  { kind, address }: AddressProof,
): Promise<Change[]> {
  const known = readAddress(kind, address, null);
  if (known === null) throw new Error('an address was proven that can be none');
  const message = { kind: `${kind}-changed`, at: corridor.clock.now() } as const;
  return [
    ...replaceAddress(account.id, kind, known),
    ...(await noticeChanges(corridor, origin, account, message)),
  ];
}
