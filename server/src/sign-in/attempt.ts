import type { Organisation, Role } from '../accounts/account.ts';
import type { IdentifierKind } from '../accounts/identifier.ts';
import type { AccountView } from '../accounts/view.ts';
import type { AddressCommand } from '../commands/address.ts';
import type { Decline } from '../commands/decline.ts';
import type { DeviceCommand, DeviceOutcome } from '../commands/device.ts';
import type { FactorCommand, FactorOutcome } from '../commands/factor.ts';
import type { PasskeyCommand, PasskeyOutcome } from '../commands/passkeys.ts';
import type { PasswordCommand, PasswordOutcome } from '../commands/password.ts';
import type { SignUpCommand, SignUpOutcome } from '../commands/sign-up.ts';
import type { Proof } from '../factors/factor.ts';

export type { Organisation } from '../accounts/account.ts';
export type { AccountView } from '../accounts/view.ts';

/** What may still be due between a verified credential and a session. */
export type Step = 'second-factor' | 'device';

/** An identifier as it was typed, and the kinds it may be. */
export interface GivenIdentifier {
  readonly value: string;
  readonly kinds: readonly IdentifierKind[];
}

/** What is shown to prove who somebody is. */
export type Credential =
  | {
      readonly kind: 'password';
      /** When there are several, all must name the same account. */
      readonly identifiers: readonly GivenIdentifier[];
      readonly password: string;
      /** Whether one account signs in, or every account and role of the person is offered. */
      readonly accounts: 'one' | 'all';
    }
  | { readonly kind: 'installation'; readonly installationId: string; readonly password: string }
  | {
      readonly kind: 'resource-code';
      readonly resource: string;
      readonly context: string;
      readonly code: string;
    }
  /** What was given can be no credential: refused like one that is wrong, by contracts that do not tell them apart. */
  | { readonly kind: 'impossible' };

/** What a door asks of the corridor. Tickets and tokens are as the client presented them. */
export type Command =
  | { readonly kind: 'begin'; readonly credential: Credential; readonly fingerprint: string | null }
  | { readonly kind: 'pick'; readonly ticket: string }
  | {
      readonly kind: 'prove';
      readonly ticket: string;
      readonly proof: Proof;
      /** The step that this endpoint completes; null for whichever is due. */
      readonly step: Step | null;
      /** Where given, the device must be the one that began. */
      readonly fingerprint: string | null;
    }
  | { readonly kind: 'resend'; readonly ticket: string }
  | { readonly kind: 'refresh'; readonly refreshToken: string }
  | { readonly kind: 'inspect'; readonly token: string; readonly organisation: string | null }
  /** The commands from here on act for whoever the bearer token is for. */
  | { readonly kind: 'me'; readonly token: string; readonly organisation: string | null }
  | { readonly kind: 'sign-out'; readonly token: string }
  | { readonly kind: 'list-sessions'; readonly token: string }
  | { readonly kind: 'end-session'; readonly token: string; readonly sessionId: string }
  | { readonly kind: 'end-other-sessions'; readonly token: string }
  | {
      readonly kind: 'switch';
      readonly token: string;
      /** Null for the account's own role, outside any organisation. */
      readonly organisation: string | null;
      readonly role: string;
    }
  /** Shows the password anew, and what else is asked for: some changes want a proof that is fresh. */
  | { readonly kind: 'prove-again'; readonly token: string; readonly password: string }
  | SignUpCommand
  | PasswordCommand
  | FactorCommand
  | AddressCommand
  | PasskeyCommand
  | DeviceCommand;

/** Where a command came from. The core never asks which contract is calling: the mount says what it needs. */
export interface Caller {
  readonly mount: string;
  /** The client's address, IPv4 or IPv6. */
  readonly address: string;
  readonly userAgent: string | null;
  readonly requestId: string;
  /** When the request arrived, in milliseconds since 1970. */
  readonly arrivedAt: number;
}

/** Who signed in. */
export type Principal =
  | {
      readonly kind: 'account';
      readonly view: AccountView;
      /** The one role that was picked, where the contract lets one pick. */
      readonly picked: { readonly role: Role | null; readonly organisation: Organisation | null } | null;
    }
  | { readonly kind: 'installation'; readonly id: string; readonly view: AccountView | null }
  | { readonly kind: 'resource'; readonly resource: string };

/** The tokens of a session. */
export interface IssuedTokens {
  readonly accessToken: string;
  /** Null where the contract hands none out. */
  readonly refreshToken: string | null;
  /** An opaque token that introspection takes for the session; null where the contract hands none out. */
  readonly opaqueToken: string | null;
}

/** One role that a person may sign in with. */
export interface Choice {
  readonly role: string;
  readonly organisation: Organisation | null;
  readonly ticket: string;
  readonly asksSecondFactor: boolean;
}

/** One role of the same person that the given password does not open, and why. */
export interface RefusedChoice {
  readonly role: string;
  readonly organisation: Organisation | null;
  readonly reason: 'bad-credentials' | StateRefusal;
}

/** The account is known and the password was right, but its state forbids a session. */
export type StateRefusal = (typeof STATE_REFUSALS)[number];

const STATE_REFUSALS = [
  'account-inactive',
  'organisation-suspended',
  'account-not-validated',
  'second-factor-missing',
] as const;

/** Why a command was refused, as far as the wire may know. The audit log has the true reason. */
export type Refusal = (typeof REFUSALS)[number];

/** Every refusal there is. */
export const REFUSALS = [
  'bad-credentials',
  'unknown-identity',
  ...STATE_REFUSALS,
  'ticket-invalid',
  'code-invalid',
  'token-expired',
  'token-invalid',
  'no-such-session',
  'no-such-role',
] as const;

/** How a command ended. Expected refusals are outcomes; faults are thrown. */
export type Outcome =
  | {
      readonly kind: 'signed-in';
      /** The mount where the sign-in began: its contract words the answer. */
      readonly mount: string;
      readonly principal: Principal;
      readonly tokens: IssuedTokens;
      readonly at: number;
      /** Whether a step was asked for and passed. */
      readonly steppedUp: boolean;
    }
  | {
      readonly kind: 'choices';
      readonly granted: readonly Choice[];
      readonly refused: readonly RefusedChoice[];
    }
  | {
      readonly kind: 'step-required';
      readonly step: Step;
      readonly ticket: string;
      /** Stands where the contract must show a second token; it opens nothing. */
      readonly decoy: string;
      readonly view: AccountView;
      readonly at: number;
    }
  | { readonly kind: 'resent' }
  | {
      readonly kind: 'refreshed';
      readonly tokens: IssuedTokens;
      readonly principal: Principal;
      /** When the session began. */
      readonly signedInAt: number;
    }
  | { readonly kind: 'active'; readonly session: ActiveSession }
  | {
      readonly kind: 'me';
      readonly view: AccountView;
      readonly signedInAt: number;
      /** The organisation it acts in: the one that an administrator asked for, else that of its role. */
      readonly effectiveOrganisation: string | null;
    }
  | { readonly kind: 'signed-out' }
  | SignUpOutcome
  /** It was taken note of; what came of it is not told. */
  | { readonly kind: 'accepted' }
  /** It is done, and there is nothing more to tell. */
  | { readonly kind: 'done' }
  | { readonly kind: 'declined'; readonly reason: Decline }
  | PasswordOutcome
  | FactorOutcome
  | DeviceOutcome
  | { readonly kind: 'sessions'; readonly sessions: readonly OwnSession[] }
  | { readonly kind: 'sessions-ended'; readonly count: number }
  | PasskeyOutcome
  | {
      readonly kind: 'refused';
      readonly reason: Refusal;
      /** With `account-not-validated`, where the contract has it: what asks for a new validation code. */
      readonly resendCode: string | null;
    }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }
  | { readonly kind: 'overloaded'; readonly retryAfterSeconds: number };

/** An outcome that says no and nothing else. */
export function refused(reason: Refusal): Extract<Outcome, { kind: 'refused' }> {
  return { kind: 'refused', reason, resendCode: null };
}

/** One of the sessions of an account, as its owner may see it. */
export interface OwnSession {
  readonly id: string;
  /** Whether it is the one that asks. */
  readonly isCurrent: boolean;
  readonly mount: string;
  /** Tells devices apart where the contract knows them; null elsewhere. */
  readonly device: string | null;
  readonly address: string | null;
  /** In words: `Chrome on Windows`. Null when nothing is known. */
  readonly userAgent: string | null;
  readonly organisation: string | null;
  readonly role: string | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

/** What introspection tells about a session. */
export interface ActiveSession {
  readonly principal: { readonly kind: 'account' | 'installation' | 'resource'; readonly id: string };
  readonly account: string | null;
  readonly organisation: string | null;
  readonly role: string | null;
  /** The organisation that an administrator asked to act in, where the token allows it; null elsewhere. */
  readonly effectiveOrganisation: string | null;
  readonly scopes: readonly string[];
  readonly methods: readonly string[];
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}
