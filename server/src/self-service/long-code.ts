import type { Account, AccountWithMemberships } from '../accounts/account.ts';
import { canonicalName } from '../accounts/identifier.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import type { CodeMessage } from '../delivery/message.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import { readTicket } from '../sign-in/ticket.ts';
import { holdAccount } from '../store/accounts.ts';
import { voidTickets } from '../store/consume.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail, type QueuedMail } from '../store/outbox.ts';
import { issueTicket, type Ticket } from '../store/tickets.ts';

/** What a mailed code that names its ticket alone is for. */
export type LongCodePurpose = 'reset' | 'validate';

/** What such a mail is made with: the command line has it, too. */
export type MailPorts = Pick<Corridor, 'vault' | 'random' | 'clock'>;

/** How long such a code is good (OWASP Forgot Password: at most an hour). */
const LIFE_MILLISECONDS = 3_600_000;

const MESSAGES = { reset: 'reset-code', validate: 'validation-code' } as const;

/** What makes the mail, by the limits that hold for whoever caused it; null when none may be sent. */
export type LongCodeMail = (message: CodeMessage, expiresAt: number) => Promise<QueuedMail | null>;

/**
 * Issues a code and mails it to the account's own address, in the place of any before it: the one place where such mail is
 * queued. The ticket keeps the address that it went to, so that it proves no other.
 * @param mount where the code can be typed; one of the native API can be typed anywhere
 * @returns what is committed, with the guard `account`; null when the account has no address, or no mail may be sent
 */
export async function mailLongCode(
  ports: MailPorts,
  account: AccountWithMemberships,
  { purpose, mount }: { purpose: LongCodePurpose; mount: string },
  mailed: LongCodeMail,
): Promise<Change[] | null> {
  const address = addressOf(account);
  if (address === null) return null;
  const { vault, random } = ports;
  const now = ports.clock.now();
  const expiresAt = now + LIFE_MILLISECONDS;
  const code = opaqueSecret(random);
  const mail = await mailed({ kind: MESSAGES[purpose], code, expiresAt }, expiresAt);
  if (mail === null) return null;
  const ticket: Ticket = {
    secretHash: secretHash(code),
    purpose,
    mount,
    accountId: account.id,
    epoch: account.epoch,
    membership: null,
    sessionId: null,
    step: null,
    device: null,
    code: null,
    payloadSealed: vault.seal(purpose, address),
    attempts: 0,
    createdAt: now,
    expiresAt,
    consumedAt: null,
  };
  return [
    // Of two that are asked for at once, one is the newest.
    holdAccount(account.id, account.epoch),
    voidTickets(account.id, [purpose], now),
    issueTicket(ticket),
    enqueueMail(mail),
  ];
}

/** An account's address in the form in which addresses compare. */
function addressOf({ email }: Pick<Account, 'email'>): string | null {
  return email === null ? null : canonicalName(email);
}

/** A code that is alive, whom it is for and what it proves. */
export interface LongCode {
  readonly purpose: LongCodePurpose;
  readonly ticket: Ticket;
  readonly account: AccountWithMemberships;
  /** The attempt at the mount where the code was asked for: its settings count. */
  readonly origin: Attempt;
  /** The canonical address that it was mailed to. */
  readonly address: string;
}

/**
 * The code that somebody typed, if it is alive. One that was asked for at a mount is taken there and by the native API; one
 * of the native API, or of an operator, at every mount.
 */
export async function readLongCode(
  corridor: Corridor,
  attempt: Attempt,
  typed: string,
  purposes: readonly LongCodePurpose[],
): Promise<LongCode | null> {
  const taken = await readTicket(corridor, typed, {
    purposes,
    takes: (mount) =>
      mount.name === attempt.mount.name ||
      mount.contract.servesEveryMount ||
      attempt.mount.contract.servesEveryMount,
  });
  if (taken === null) return null;
  const { ticket, account, mount } = taken;
  const purpose = purposes.find((each) => each === ticket.purpose);
  if (purpose === undefined || ticket.payloadSealed === null) return null;
  const address = corridor.vault.unseal(purpose, ticket.payloadSealed);
  return { purpose, ticket, account, origin: { ...attempt, mount }, address };
}
