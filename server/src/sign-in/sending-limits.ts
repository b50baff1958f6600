import type { AccountWithMemberships } from '../accounts/account.ts';
import { addresseeOf } from '../accounts/addressee.ts';
import { canonicalName, countryCallingCode } from '../accounts/identifier.ts';
import { type Message, whoCanCause } from '../delivery/message.ts';
import { addressKey } from '../limits/address-key.ts';
import type { Channel } from '../store/outbox.ts';
import { countSending, countWithheld, type SendingBudget } from '../store/sending-budget.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';

/** How much may be sent: the limits of the configuration's `mail` and `sms`. */
export interface SendingLimits {
  readonly mail: {
    readonly limitUnprovenPerAddress: number;
    readonly limitProvenPerAddress: number;
    readonly limitUnprovenPerSource: number;
    readonly limitProvenPerSource: number;
    readonly limitPerOrganisation: number;
    readonly limitPerDay: number;
  };
  readonly sms: {
    readonly limitPerNumber: number;
    readonly limitPerSource: number;
    readonly limitPerPrefix: number;
    readonly limitPerDay: number;
  };
}

/** A message that somebody's request would send. */
export interface Sending {
  readonly channel: Channel;
  readonly kind: Message['kind'];
  /** An e-mail address, or a number in E.164. */
  readonly recipient: string;
  readonly account: AccountWithMemberships | null;
}

/** What counting works with. */
export type SendingPorts = Pick<Corridor, 'store' | 'vault' | 'clock' | 'log' | 'sendingLimits'>;

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;

/** Limits whose end concerns more than one person: the operator is told in the log too. */
const WIDE_LIMITS = new Set(['organisation', 'prefix', 'day']);

/**
 * Whether a message may be sent (OWASP ASVS 6.3.5). It is counted before it is queued, for its recipient, its source, the
 * organisation, and the day, over all servers. What anybody can cause has budgets apart from what needs a right password
 * or a session, and at most half of those that everybody shares: nobody's PINs can be used up by a stranger. Over a
 * budget the answer to the client must be as always; that it was withheld is counted and audited here.
 */
export async function maySend(corridor: SendingPorts, attempt: Attempt, sending: Sending): Promise<boolean> {
  const now = corridor.clock.now();
  const budgets =
    sending.channel === 'mail'
      ? mailBudgets(corridor, attempt, sending)
      : smsBudgets(corridor, attempt, sending);
  const committed = await corridor.store.commit(budgets.map((budget) => countSending(budget, now)));
  if (committed.ok) return true;
  const reason = committed.guard;
  const { channel, kind, account } = sending;
  const exhausted = budgets.find(({ limitName }) => limitName === reason);
  await corridor.store.commit([
    ...(exhausted ? [countWithheld(exhausted.key)] : []),
    auditAttempt(attempt, now, 'mail.withheld', {
      reason,
      accountId: account?.id ?? null,
      organisationId: organisationOf(attempt, account),
      detail: { channel, kind },
    }),
  ]);
  const fields = { limit: reason, channel, kind, requestId: attempt.caller.requestId };
  if (WIDE_LIMITS.has(reason))
    corridor.log.warn(fields, 'messages are withheld: a limit for everybody is reached');
  return false;
}

/** Whose organisation a message is counted and written down for. */
export function organisationOf(attempt: Attempt, account: AccountWithMemberships | null): string | null {
  return account === null ? attempt.mount.organisation : (addresseeOf(account).organisations[0] ?? null);
}

/** One of the counters for all: what anybody can cause has half of it at most, and what is proven all that is left. */
function shared(key: string, budget: Omit<SendingBudget, 'key'>, isProven: boolean): SendingBudget[] {
  const whole = { ...budget, key };
  return isProven
    ? [whole]
    : [{ ...budget, key: `${key}:unproven`, limit: Math.ceil(budget.limit / 2) }, whole];
}

function mailBudgets(corridor: SendingPorts, attempt: Attempt, sending: Sending): SendingBudget[] {
  const limits = corridor.sendingLimits.mail;
  const isProven = whoCanCause(sending.kind) === 'the-owner';
  const cause = isProven ? 'proven' : 'unproven';
  const recipient = canonicalName(sending.recipient) ?? sending.recipient;
  const organisation = organisationOf(attempt, sending.account);
  const source = addressKey(attempt.caller.address);
  return [
    {
      limitName: 'address',
      key: `mail:address:${cause}:${corridor.vault.hash('sending', recipient)}`,
      limit: isProven ? limits.limitProvenPerAddress : limits.limitUnprovenPerAddress,
      windowSeconds: HOUR_SECONDS,
    },
    {
      limitName: 'source',
      key: `mail:source:${cause}:${source}`,
      limit: isProven ? limits.limitProvenPerSource : limits.limitUnprovenPerSource,
      windowSeconds: HOUR_SECONDS,
    },
    ...(organisation === null
      ? []
      : shared(
          `mail:organisation:${organisation}`,
          { limitName: 'organisation', limit: limits.limitPerOrganisation, windowSeconds: DAY_SECONDS },
          isProven,
        )),
    ...shared(
      'mail:day',
      { limitName: 'day', limit: limits.limitPerDay, windowSeconds: DAY_SECONDS },
      isProven,
    ),
  ];
}

function smsBudgets(corridor: SendingPorts, attempt: Attempt, sending: Sending): SendingBudget[] {
  const limits = corridor.sendingLimits.sms;
  const isProven = whoCanCause(sending.kind) === 'the-owner';
  const cause = isProven ? 'proven' : 'unproven';
  const source = addressKey(attempt.caller.address);
  return [
    {
      limitName: 'number',
      key: `sms:number:${cause}:${corridor.vault.hash('sending', sending.recipient)}`,
      limit: limits.limitPerNumber,
      windowSeconds: HOUR_SECONDS,
    },
    {
      limitName: 'source',
      key: `sms:source:${cause}:${source}`,
      limit: limits.limitPerSource,
      windowSeconds: HOUR_SECONDS,
    },
    ...shared(
      `sms:prefix:${countryCallingCode(sending.recipient)}`,
      { limitName: 'prefix', limit: limits.limitPerPrefix, windowSeconds: DAY_SECONDS },
      isProven,
    ),
    ...shared(
      'sms:day',
      { limitName: 'day', limit: limits.limitPerDay, windowSeconds: DAY_SECONDS },
      isProven,
    ),
  ];
}
