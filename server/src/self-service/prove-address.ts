import type { AccountWithMemberships } from '../accounts/account.ts';
import { canonicalName, canonicalPhone } from '../accounts/identifier.ts';
import type { AddressKind } from '../commands/address.ts';
import { declined } from '../commands/decline.ts';
import { isMailAddress } from '../delivery/mail-address.ts';
import { drawCode } from '../factors/mailed-code.ts';
import { type Owner, ownerBehind } from '../sessions/owner.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { throughGate } from '../sign-in/gate.ts';
import { mailToAddress } from '../sign-in/mail.ts';
import { smsToPhone } from '../sign-in/sms.ts';
import { drawTicket } from '../sign-in/ticket.ts';
import { holdAccount } from '../store/accounts.ts';
import { voidTickets } from '../store/consume.ts';
import { enqueueMail, type QueuedMail } from '../store/outbox.ts';
import { issueTicket } from '../store/tickets.ts';
import { freshOwnerBehind } from './fresh-owner.ts';

/** What a ticket is for that waits for an address to be proven: the present one, or another in its place. */
export const ADDRESS_PURPOSES = {
  email: { validate: 'validate-email', change: 'change-email' },
  phone: { validate: 'validate-phone', change: 'change-phone' },
} as const;

/** An address as it is kept, and the form in which it compares. */
export interface KnownAddress {
  readonly address: string;
  readonly canonical: string;
}

/** Reads an address; null for what can be none. @param region where national phone numbers belong; null takes none */
export function readAddress(kind: AddressKind, typed: string, region: string | null): KnownAddress | null {
  if (kind === 'phone') {
    const number = canonicalPhone(typed, region);
    return number === null ? null : { address: number, canonical: number };
  }
  const canonical = canonicalName(typed);
  return canonical === null || !isMailAddress(typed) ? null : { address: typed, canonical };
}

/** Sends a code to the account's present address. */
export async function validateAddress(
  corridor: Corridor,
  attempt: Attempt,
  { token, address: kind }: Extract<Command, { kind: 'validate-address' }>,
): Promise<Outcome> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const present = owner.account[kind];
  const known = present === null ? null : readAddress(kind, present, null);
  if (present === null || known === null) return declined('no-address');
  return sendCode(corridor, owner, { kind, what: 'validate', ...known, address: present, isTaken: false });
}

/**
 * Sends a code to another address, which takes the place of the present one when the code comes back. The answer for one that
 * another account of the same home has is the same, in the same time: then no code works.
 */
export function changeAddress(
  corridor: Corridor,
  attempt: Attempt,
  { token, address: kind, to }: Extract<Command, { kind: 'change-address' }>,
): Promise<Outcome> {
  return throughGate(
    corridor,
    attempt,
    async () => {
      const owner = await freshOwnerBehind(corridor, attempt, token);
      if ('kind' in owner) return owner;
      const known = readAddress(kind, to, owner.origin.mount.phoneRegion);
      if (known === null) return declined('identifier-malformed');
      const isTaken = await isAnothers(corridor, owner.account, known);
      return sendCode(corridor, owner, { kind, what: 'change', ...known, isTaken });
    },
    ['code-sent'],
  );
}

/** Whether another account of the same home has an address, or a user name that reads like it. */
async function isAnothers(
  corridor: Corridor,
  { id, home }: AccountWithMemberships,
  { canonical }: KnownAddress,
): Promise<boolean> {
  const owners = await corridor.store.accountRecords.owners([canonical]);
  return owners.some(({ accountId, homeId }) => accountId !== id && homeId === (home?.id ?? null));
}

/** A code that is to be sent. */
interface Sending extends KnownAddress {
  readonly kind: AddressKind;
  readonly what: 'validate' | 'change';
  readonly isTaken: boolean;
}

async function sendCode(corridor: Corridor, owner: Owner, sending: Sending): Promise<Outcome> {
  const { clock, limits, random, store, vault } = corridor;
  const { account, session, origin } = owner;
  const now = clock.now();
  const purposes = ADDRESS_PURPOSES[sending.kind];
  const { onWire, ticket } = drawTicket(corridor, origin, {
    purpose: purposes[sending.what],
    account,
    picked: null,
    sessionId: session.id,
    payload: sending.address,
  });
  const times = { now, lifeSeconds: limits.pinSeconds };
  const { digits, code } = drawCode(ticket.secretHash, times, vault, random);
  const message = await wordCode(corridor, owner, sending, { digits, expiresAt: code.expiresAt });
  // A code that nobody is sent opens nothing.
  const isGood = message !== null && !sending.isTaken;
  const committed = await store.commit([
    // Of two that are asked for at once, one is the newest.
    holdAccount(account.id, account.epoch),
    voidTickets(account.id, [purposes.validate, purposes.change], now),
    issueTicket({ ...ticket, code: isGood ? code : null }),
    ...(message ? [enqueueMail(message)] : []),
    auditAttempt(origin, now, 'address.code-asked', {
      accountId: account.id,
      sessionId: session.id,
      reason: sending.isTaken ? 'identifier-taken' : null,
      detail: { address: sending.kind, what: sending.what },
    }),
  ]);
  if (!committed.ok) return refused('token-invalid');
  corridor.mailQueued();
  return { kind: 'code-sent', ticket: onWire };
}

/** The message with the code; what goes to an address that is another's has none, and a phone that is gets nothing. */
async function wordCode(
  corridor: Corridor,
  { account, origin }: Owner,
  { kind, address, canonical, isTaken }: Sending,
  code: { readonly digits: string; readonly expiresAt: number },
): Promise<QueuedMail | null> {
  const message = { kind: 'address-code', ...code } as const;
  if (kind === 'phone')
    return isTaken
      ? null
      : smsToPhone(corridor, origin, { phone: canonical, account }, message, code.expiresAt);
  const told = isTaken ? ({ kind: 'sign-up-known', at: corridor.clock.now() } as const) : message;
  return mailToAddress(corridor, origin, { address, account }, told, code.expiresAt);
}
