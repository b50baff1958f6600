import { totpCode } from '../totp.ts';
import { isPinMailed, isResetRecent } from './policy.ts';
import type { Account, Model, Shown, Signed, Ticket } from './state.ts';

// What a code that somebody typed really is.

const STEP = 30_000;

/** The time step that a code of a seed belongs to, one around the present at most; null for none. */
export function stepOf(seed: string, code: string, now: number): number | null {
  const around = [0, -1, 1].find((delta) => totpCode(now + delta * STEP, seed) === code);
  return around === undefined ? null : Math.floor(now / STEP) + around;
}

/** Whether a code is the newest that was mailed for a ticket, in time. */
export function isMailedFor({ code }: Ticket, typed: string, now: number): boolean {
  return code !== null && code.digits === typed && code.expiresAt > now;
}

/** A code as the model has it: what it shows, and what is spent with it. */
export interface Evaluated {
  readonly factor: NonNullable<Shown['factor']>;
  readonly methods: readonly string[];
  /** Of a time step that was spent before. */
  readonly isSpent: boolean;
  spend(): void;
}

const mailed = (methods: readonly string[]): Evaluated => ({
  factor: 'pin',
  methods,
  isSpent: false,
  spend: () => undefined,
});

/** What `amr` says of a passkey that stays in one device. */
export const PASSKEY_METHODS: readonly string[] = ['hwk', 'user', 'mfa'];

/** What somebody shows at a step. */
export type Proof = string | Signed;

/** What a proof shows at the step of a ticket; null for a wrong one, and one of another account. */
export function evaluate(model: Model, ticket: Ticket, proof: Proof): Evaluated | null {
  return typeof proof === 'string'
    ? evaluateCode(model, ticket, proof)
    : evaluateSigned(model, ticket, proof);
}

/** Whether a passkey has counted on since what it signed last; one that has never counted may go on so. */
export function hasRisen({ by, counter }: Signed): boolean {
  return counter > by.counter || (counter === 0 && by.counter === 0);
}

function evaluateSigned({ now }: Model, ticket: Ticket, signed: Signed): Evaluated | null {
  const { by, token, expiresAt, counter } = signed;
  const isOfTicket = ticket.step === 'second-factor' && token === ticket.token && expiresAt > now;
  if (!isOfTicket || !ticket.account.passkeys.includes(by)) return null;
  const spend = () => {
    by.counter = counter;
  };
  return { factor: 'passkey', methods: PASSKEY_METHODS, isSpent: !hasRisen(signed), spend };
}

function evaluateCode(model: Model, ticket: Ticket, code: string): Evaluated | null {
  const { account, picked, step, purpose } = ticket;
  const isMailed = isMailedFor(ticket, code, model.now);
  if (step === 'device') return isMailed ? mailed(['email']) : null;
  if (isMailed && isPinMailed(account, picked, model.now, purpose))
    return mailed(['email', mailWorth(account, model.now)]);
  const timeStep = account.seed === null ? null : stepOf(account.seed, code, model.now);
  if (timeStep !== null) {
    const spend = () => {
      account.totpStep = timeStep;
    };
    return { factor: 'totp', methods: ['otp', 'mfa'], isSpent: timeStep <= account.totpStep, spend };
  }
  if (!account.recoveryCodes.has(code)) return null;
  const spend = () => account.recoveryCodes.delete(code);
  return { factor: 'recovery', methods: ['recovery', 'mfa'], isSpent: false, spend };
}

/** What `amr` says of a mailed code. */
export function mailWorth(account: Account, now: number): 'mfa' | 'single-channel' {
  return isResetRecent(account, now) ? 'single-channel' : 'mfa';
}
