import fc from 'fast-check';
import { totpCode } from '../totp.ts';
import type { Account, Model, Ticket } from './state.ts';
import { fromEnd } from './step.ts';

/** What somebody types at a step. */
const KINDS = [
  'the right',
  'a wrong',
  'a mailed',
  'an older mailed',
  'another ticket’s mailed',
  'an app’s',
  'an app’s earlier',
  'an app’s later',
  'another account’s app’s',
  'an unconfirmed app’s',
  'a recovery',
  'a spent recovery',
  'another account’s recovery',
] as const;

/** One of them. */
export type CodeKind = (typeof KINDS)[number];

/** Kinds of codes: the right one half of the time, and those that are used once only more often than others. */
export const codeKinds: fc.Arbitrary<CodeKind> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<CodeKind>('the right') },
  { weight: 1, arbitrary: fc.constant<CodeKind>('a wrong') },
  { weight: 2, arbitrary: fc.constantFrom<CodeKind[]>('a recovery', 'a spent recovery') },
  { weight: 4, arbitrary: fc.constantFrom(...KINDS) },
);

const WRONG = '000000';
const STEP = 30_000;

/** The code of a kind for a ticket, or a wrong one where there is none. @param far how far back, where there are several */
export function chooseCode(model: Model, ticket: Ticket | undefined, kind: CodeKind, far: number): string {
  const account = ticket?.account;
  const mailed = ticket?.code?.digits || WRONG;
  switch (kind) {
    case 'the right':
      return rightCode(model, ticket);
    case 'a wrong':
      return WRONG;
    case 'a mailed':
      return mailed;
    case 'an older mailed':
      return ticket?.olderDigits.at(-1) ?? mailed;
    case 'another ticket’s mailed':
      return otherMailed(model, ticket, far);
    case 'an app’s':
      return appCode(account, model.now);
    case 'an app’s earlier':
      return appCode(account, model.now - STEP * (1 + (far % 2)));
    case 'an app’s later':
      return appCode(account, model.now + STEP * (1 + (far % 2)));
    case 'another account’s app’s':
      return appCode(
        model.accounts.find((each) => each.seed !== null && each !== account),
        model.now,
      );
    case 'an unconfirmed app’s':
      return waitingCode(model, account);
    case 'a recovery':
      return [...(account?.recoveryCodes ?? [])][0] ?? WRONG;
    case 'a spent recovery':
      return fromEnd(spentCodes(account), far) ?? WRONG;
    case 'another account’s recovery':
      return foreignCode(model, account);
  }
}

/** What the step asks for: the mailed code where one was, else the app’s. */
function rightCode({ now }: Model, ticket: Ticket | undefined): string {
  if (ticket?.code) return ticket.code.digits;
  return ticket?.seed ? totpCode(now, ticket.seed) : appCode(ticket?.account, now);
}

/** Those that were used, or voided by a new set. */
function spentCodes(account: Account | undefined): string[] {
  return account?.everyRecoveryCode.filter((code) => !account.recoveryCodes.has(code)) ?? [];
}

function foreignCode({ accounts }: Model, account: Account | undefined): string {
  const other = accounts.findLast((each) => each !== account && each.recoveryCodes.size > 0);
  return [...(other?.recoveryCodes ?? [])][0] ?? WRONG;
}

function appCode(account: Account | undefined, at: number): string {
  return account?.seed ? totpCode(at, account.seed) : WRONG;
}

function otherMailed({ tickets }: Model, ticket: Ticket | undefined, far: number): string {
  const others = tickets.filter((each) => each !== ticket && each.code !== null && each.code.digits !== '');
  return others.at(-1 - (far % Math.max(1, others.length)))?.code?.digits ?? WRONG;
}

function waitingCode({ tickets, now }: Model, account: Account | undefined): string {
  const waiting = tickets.findLast((each) => each.account === account && each.seed !== null);
  return waiting?.seed ? totpCode(now, waiting.seed) : WRONG;
}
