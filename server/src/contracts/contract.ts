import type { TSchema } from 'typebox';
import { codePoints } from '../code-points.ts';
import type { Command, Outcome, Principal } from '../sign-in/attempt.ts';

/** Stands for a header that came more than once: no header can say it. */
export const REPEATED = Symbol('repeated');

/** A request as a contract sees it. The body is I-JSON (RFC 7493) or a form, already read, or undefined without one. */
export interface WireRequest {
  readonly body: unknown;
  /** A header's value; null when it is absent, REPEATED when it came more than once. */
  header(name: string): string | typeof REPEATED | null;
  /** The token after `Bearer ` in a well-formed Authorization header. */
  readonly bearer: string | null;
  /** What stands in the path in the place of `:name`; empty when there is no such place, or NUL in it. */
  param(name: string): string;
}

/** What a contract answers. A null body is no body. */
export interface Reply {
  readonly status: number;
  readonly body: object | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What an answer may need to know beside the outcome. */
export interface Wire {
  /** 16 lower-case hex digits; also in `X-Request-Id` and in the log. */
  readonly requestId: string;
  /** What the request said that the answer repeats. */
  readonly echo: Readonly<Record<string, string>>;
}

/** A request that was understood; or the answer to one that was not, or the fault that is answered in this contract's shape. */
export type Decoded =
  | { readonly command: Command; readonly echo?: Readonly<Record<string, string>> }
  | { readonly reply: Reply }
  | { readonly fault: Fault };

/** One way in. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** The path below the mount's prefix; `:name` stands for one segment. */
  readonly path: string;
  readonly summary: string;
  /** The content types it takes; with none, a body that comes all the same is ignored. */
  readonly accepts: readonly ('json' | 'form')[];
  /** For the API description. */
  readonly describe: {
    readonly request?: TSchema;
    readonly bearer?: boolean;
    /** Whether the bearer token can stand in the place of the body: one of the two is enough. */
    readonly bearerForBody?: true;
    readonly headers?: readonly {
      readonly name: string;
      readonly description: string;
      readonly optional?: true;
    }[];
    /** By status: what the body is. Statuses that every endpoint can give need no mention. */
    readonly replies: Readonly<Record<number, TSchema | null>>;
  };
  /** Whether a completed sign-in is worded by the contract of the mount where it began. */
  readonly answersForOrigin?: boolean;
  /** Whether it is closed where the mount lets nobody sign up: then that is the answer, whatever the request says. */
  readonly needsSignUp?: true;
  decode(request: WireRequest): Decoded;
}

/** What can go wrong before the corridor is reached, or inside it. */
export type Fault = keyof typeof FAULT_STATUS;

/** The status of each fault, the same on every contract. */
export const FAULT_STATUS = {
  unreadable: 400,
  'not-found': 404,
  'method-not-allowed': 405,
  'too-large': 413,
  'unsupported-media-type': 415,
  internal: 500,
  unavailable: 503,
} as const;

/** A wording for every kind of outcome: a new kind does not compile until each contract says what its wire does with it. */
export type Encoders = {
  readonly [Kind in Outcome['kind']]: (outcome: Extract<Outcome, { kind: Kind }>, wire: Wire) => Reply;
};

/**
 * The forms a ticket can take on the wire: 80 letters and digits, a JWT in the place of an access token, or a challenge
 * token, which `/v1/challenges` completes for contracts that have no field for a step.
 */
export type TicketForm = 'alphanumeric' | 'step-up-jwt' | 'challenge';

/**
 * A wire API: a pure codec and the properties in which it differs. It cannot await, look up, hash, log or mint; the
 * core reads the properties and never asks which contract it is.
 */
export interface Contract {
  readonly name: string;
  /** What it is, in one line. */
  readonly title: string;
  readonly endpoints: readonly Endpoint[];
  readonly encode: Encoders;
  /** The answer to a fault, in this contract's shape. */
  fault(fault: Fault, wire: Wire): Reply;
  /** The names of the claims that its access tokens can carry beside the common ones. */
  readonly claimNames: readonly string[];
  /** Those of a principal, with their values. */
  claims(principal: Principal): Readonly<Record<string, unknown>>;
  readonly ticketForm: TicketForm;
  /** Whether it is for the sessions and challenges of every mount, and not only for those of its own. */
  readonly servesEveryMount: boolean;
  /** Whether a session has an opaque token beside the JWT. */
  readonly opaqueToken: boolean;
  /** Whether its documents tell an unknown identity from a wrong password. A mount can turn that off. */
  readonly revealsUnknownIdentity: boolean;
  /** Whether a refusal for a missing validation carries a code that asks for a new one. */
  readonly offersResendCode: boolean;
  /** Who can sign up at it, where a mount allows that. */
  readonly signsUp: readonly ('people' | 'devices')[];
  /** What a mount has when its settings are silent. `refreshTokenSeconds` is null where it hands no refresh tokens out. */
  readonly defaults: {
    readonly accessTokenSeconds: number;
    readonly refreshTokenSeconds: number | null;
    readonly requireValidatedEmail: boolean;
  };
}

export { codePoints };

/** The longest identifier that is read, in code points. */
export const IDENTIFIER_LIMIT = 254;

/** The longest password that is read, in code points. */
export const PASSWORD_LIMIT = 1024;

/**
 * The longest new password that is read, in code points. Which are too long to be set is the core's to say, in one sentence for
 * every contract; a body has no room for more.
 */
export const NEW_PASSWORD_LIMIT = 16 * 1024;

/** The description of `organisationHeader`. */
export const ORGANISATION_HEADER = {
  name: 'organization_id',
  description: 'the organisation that an administrator acts in; `x-organization-id` means the same',
  optional: true,
} as const;

/** What a member of a body turned out to be. Missing, null and empty are all `missing`. */
export type Field =
  | { readonly state: 'text'; readonly value: string }
  | { readonly state: 'missing' }
  | { readonly state: 'wrong-type' }
  /** NUL, or outside its lengths. */
  | { readonly state: 'malformed' };

/** Reads a text member of a body. A body that is no object has no members. Lengths are in code points. */
export function readText(body: unknown, name: string, lengths: { min?: number; max: number }): Field {
  const value = memberOf(body, name);
  if (value === undefined || value === null || value === '') return { state: 'missing' };
  if (typeof value !== 'string') return { state: 'wrong-type' };
  const length = codePoints(value);
  if (value.includes('\0') || length > lengths.max || length < (lengths.min ?? 1))
    return { state: 'malformed' };
  return { state: 'text', value };
}

/** A member of a JSON object by its own name: never one that every object inherits. */
export function memberOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && !Array.isArray(body) && Object.hasOwn(body, name)
    ? (body as Record<string, unknown>)[name]
    : undefined;
}

/**
 * The organisation that an administrator wants to act in, by `organization_id` or `x-organization-id`. Two that differ say
 * nothing, and neither does one that comes twice.
 */
export function organisationHeader(request: WireRequest): string | null {
  const given = ['organization_id', 'x-organization-id'].flatMap((name) => request.header(name) ?? []);
  const [first = null, second = first] = given;
  return first !== REPEATED && first === second ? first : null;
}

/** A time on the wire: ISO 8601 in UTC with milliseconds. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** For outcomes that no endpoint of a contract can lead to: meeting one is a fault. */
export function neverSpoken(outcome: Outcome): never {
  throw new Error(`this contract has no words for the outcome ${outcome.kind}`);
}

/** What the native API alone has endpoints for: every other contract spreads this among its encoders. */
export const nativeOnly: Pick<
  Encoders,
  | 'active'
  | 'sessions'
  | 'sessions-ended'
  | 'devices'
  | 'factors'
  | 'enrolment'
  | 'recovery-codes'
  | 'passkeys'
  | 'passkey-options'
  | 'passkey-added'
  | 'code-sent'
> = {
  active: neverSpoken,
  sessions: neverSpoken,
  'sessions-ended': neverSpoken,
  devices: neverSpoken,
  factors: neverSpoken,
  enrolment: neverSpoken,
  'recovery-codes': neverSpoken,
  passkeys: neverSpoken,
  'passkey-options': neverSpoken,
  'passkey-added': neverSpoken,
  'code-sent': neverSpoken,
};
