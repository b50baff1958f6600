import type { CeremonyOptions, SoftwarePasskey } from '../software-passkey.ts';
import { noTries, type Tries } from './tries.ts';

// What the model knows: plain data, changed by the steps beside this file.

/** What an organisation asks for; only what the model turns. */
export interface Settings {
  readonly mfaForStudents?: boolean;
  readonly mfaForTeachers?: boolean;
  readonly requireSecondFactorFor?: readonly string[];
  readonly allowEmailPin?: boolean;
  readonly maxFailedSignInAttempts?: number;
}

/** An organisation. */
export interface Organisation {
  readonly id: string;
  readonly name: string;
  settings: Settings;
  suspended: boolean;
}

/** A role of an account: its own has no organisation. */
export interface Held {
  readonly organisation: Organisation | null;
  readonly role: string;
}

/** A passkey that an account has or had. */
export interface HeldPasskey {
  readonly key: SoftwarePasskey;
  /** The highest count of signatures that was taken. */
  counter: number;
}

/** An account. Times are milliseconds since 1970. */
export interface Account {
  /** Empty until who has signed up is told. */
  id: string;
  readonly username: string;
  email: string;
  readonly home: Organisation | null;
  readonly roles: readonly Held[];
  readonly recognisesDevices: boolean;
  /** The present one first; null for none. */
  passwords: (string | null)[];
  active: boolean;
  validated: boolean;
  /** Rises with everything that ends what was issued before. */
  epoch: number;
  seed: string | null;
  /** Whether the seed came with the directory: then a stranger cannot have attached it. */
  seedIsVouched: boolean;
  /** The newest time step that was spent. */
  totpStep: number;
  mailedPin: boolean;
  recoveryCodes: Set<string>;
  /** Those that were ever handed out to it, the spent and void ones included. */
  readonly everyRecoveryCode: string[];
  passkeys: readonly HeldPasskey[];
  /** Those that it ever had. */
  readonly everyPasskey: HeldPasskey[];
  devices: Set<string>;
  hadDevice: boolean;
  resetAt: number | null;
  readonly passwordTries: Tries;
  /** What failed from devices that it recognised then. */
  readonly deviceTries: Map<string, Tries>;
  readonly codeTries: Tries;
}

/** An account that has nothing but what is given. */
export function newAccount(
  given: Pick<Account, 'id' | 'username' | 'email' | 'home' | 'passwords'> & Partial<Account>,
): Account {
  return {
    roles: [],
    recognisesDevices: false,
    active: true,
    validated: true,
    epoch: 0,
    seed: null,
    seedIsVouched: true,
    totpStep: 0,
    mailedPin: false,
    recoveryCodes: new Set(),
    everyRecoveryCode: [],
    passkeys: [],
    everyPasskey: [],
    devices: new Set(),
    hadDevice: false,
    resetAt: null,
    passwordTries: noTries(),
    deviceTries: new Map(),
    codeTries: noTries(),
    ...given,
  };
}

/** What was really shown on the way to a session, whatever the server made of it. */
export interface Shown {
  readonly account: Account;
  /** Where it began. */
  readonly mount: string;
  readonly picked: Held | null;
  readonly device: string | null;
  readonly password: boolean;
  readonly factor: 'pin' | 'totp' | 'recovery' | 'passkey' | null;
  readonly deviceCode: boolean;
}

/** What a ticket is good for. */
export type Purpose =
  | 'pick'
  | 'prove'
  | 'switch'
  | 'prove-again'
  | 'enrol-totp'
  | 'enrol-email'
  | 'enrol-passkey'
  | 'validate-email'
  | 'change-email'
  | 'reset';

/** What a client holds between two steps. */
export interface Ticket {
  token: string;
  readonly purpose: Purpose;
  readonly mount: string;
  readonly account: Account;
  readonly epoch: number;
  readonly picked: Held | null;
  readonly step: 'second-factor' | 'device' | null;
  readonly device: string | null;
  /** Of the session that it goes on from. */
  readonly session: Session | null;
  /** The seed that waits to be confirmed. */
  seed: string | null;
  /** What a browser was told to make. */
  options: CeremonyOptions | null;
  /** Where its code goes, when not to the account's address. */
  address: string | null;
  code: { digits: string; readonly sentAt: number; readonly expiresAt: number } | null;
  olderDigits: string[];
  attempts: number;
  readonly expiresAt: number;
  spent: boolean;
}

/** A completed sign-in. */
export interface Session {
  id: string;
  readonly account: Account;
  readonly mount: string;
  readonly picked: Held | null;
  methods: readonly string[];
  /** When who is there was last proven. */
  readonly createdAt: number;
  /** The same for all that goes on in one another's place, in whatever roles. */
  readonly family: symbol;
  counter: number;
  rotatedAt: number;
  ended: boolean;
  /** Known as soon as time has passed since. */
  endedAt: number | null;
}

/** A token of a session. */
export interface SessionToken {
  readonly kind: 'access' | 'refresh' | 'opaque';
  readonly session: Session;
  /** Of a refresh token. */
  readonly counter: number;
  /** In milliseconds since 1970; infinite where the token does not say. */
  readonly expiresAt: number;
}

/** What a passkey is asked to sign by whoever signs in with it alone. */
export interface Challenge {
  readonly token: string;
  readonly options: CeremonyOptions;
  readonly expiresAt: number;
  spent: boolean;
}

/** What a passkey has signed, for a challenge or for the step of a ticket. */
export interface Signed {
  readonly by: HeldPasskey;
  readonly token: string;
  readonly expiresAt: number;
  readonly counter: number;
  readonly response: object;
}

/** An account that waits for its address to be proven. */
export interface SignUp {
  readonly token: string;
  readonly email: string;
  readonly username: string;
  readonly password: string;
  /** Null where the address is somebody's. */
  readonly digits: string | null;
  readonly expiresAt: number;
  failures: number;
  spent: boolean;
}

/** Everything that the model knows. */
export interface Model {
  now: number;
  readonly organisations: readonly Organisation[];
  readonly accounts: Account[];
  /** The place of the account that is meant most often. */
  readonly lead: number;
  /** What failed for a name that is nobody's. */
  readonly nobodyTries: Tries;
  readonly tickets: Ticket[];
  readonly sessions: Session[];
  /** Every token of a session that was ever handed out. */
  readonly tokens: Map<string, SessionToken>;
  readonly challenges: Challenge[];
  readonly signed: Signed[];
  readonly signUps: SignUp[];
  /** Addresses that were given up, and the home where they are free since. */
  readonly formerAddresses: { readonly address: string; readonly home: Organisation | null }[];
}

/** How a step must end. */
export type Verdict =
  | { readonly is: 'refused' | 'throttled' | 'done' }
  | { readonly is: 'step'; readonly ticket: Ticket }
  | { readonly is: 'choices'; readonly tickets: readonly Ticket[] }
  | { readonly is: 'session'; readonly session: Session }
  | { readonly is: 'refreshed'; readonly session: Session };

/** It says no. */
export const REFUSED: Verdict = { is: 'refused' };
/** It says that one has to wait. */
export const THROTTLED: Verdict = { is: 'throttled' };
/** It is done. */
export const DONE: Verdict = { is: 'done' };

/** How long tickets live, in milliseconds. */
export const TICKET_MILLISECONDS = 600_000;

/** How long mailed codes live, in milliseconds: less, so that one can be late for a ticket that is not. */
export const CODE_MILLISECONDS = 300_000;

/** How long somebody waits for tries that are under way: an attempt that nobody finishes must not hold up a run for long. */
export const QUEUE_MILLISECONDS = 10_000;

/** Ends every session of an account but one, and everything else that was issued to it. */
export function endAllButOne(model: Model, account: Account, kept: Session | null): void {
  account.epoch += 1;
  for (const session of model.sessions)
    if (session.account === account && session !== kept) session.ended = true;
}

/** Whether a ticket is alive. */
export function isAlive(model: Model, ticket: Ticket): boolean {
  return (
    !ticket.spent &&
    ticket.attempts < 5 &&
    ticket.expiresAt > model.now &&
    ticket.epoch === ticket.account.epoch
  );
}

/** The ticket with that token; undefined for whatever else is shown in its place. */
export function ticketOf(model: Model, token: string, purposes: readonly Purpose[]): Ticket | undefined {
  const ticket = model.tickets.find((each) => each.token === token);
  return ticket && purposes.includes(ticket.purpose) && isAlive(model, ticket) ? ticket : undefined;
}
