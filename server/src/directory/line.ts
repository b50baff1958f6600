import { type Static, type TSchema, Type } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { schemaProblems, TIME_PATTERN, UUID_PATTERN } from '../schema-problems.ts';
import { StoredText } from './stored-text.ts';

// The directory file, line by line: JSON Lines, one object a line, `kind` first. What a line leaves out is off, null or
// empty, but for what must be given to know which object it is.

const closed = { additionalProperties: false };
const Uuid = Type.String({ pattern: UUID_PATTERN });
const Name = StoredText({ most: 254 });
/** A sign-up makes it of a first and a last name, with a space between them. */
const FullName = StoredText({ most: 254 + 1 + 254 });
const Status = Type.Enum(['active', 'inactive', 'deleted']);
const Time = Type.String({ pattern: TIME_PATTERN });
const Json = Type.Record(Type.String(), Type.Unknown());
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]));

const ORGANISATION = Type.Object(
  {
    kind: Type.Literal('organisation'),
    id: Uuid,
    name: Type.Optional(Name),
    accountName: orNull(Name),
    parent: orNull(Uuid),
    isActive: Type.Optional(Type.Boolean()),
    isSuspended: Type.Optional(Type.Boolean()),
    isPaid: Type.Optional(Type.Boolean()),
    settings: orNull(Json),
  },
  closed,
);

const ROLE = Type.Object(
  {
    kind: Type.Literal('role'),
    name: Type.String({ minLength: 1, maxLength: 254 }),
    permissions: Type.Optional(Type.Array(Type.String())),
    admin: orNull(Type.Enum(['global', 'group'])),
  },
  closed,
);

const ACCOUNT = Type.Object(
  {
    kind: Type.Literal('account'),
    id: Uuid,
    /** Given by export, so that the numbers that clients know survive a move. */
    number: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
    organisation: orNull(Uuid),
    username: orNull(Name),
    email: orNull(Name),
    phone: orNull(Type.String({ maxLength: 64 })),
    password: orNull(Type.String()),
    passwordHash: orNull(Type.String({ maxLength: 512 })),
    status: Type.Optional(Status),
    emailValidated: Type.Optional(Type.Boolean()),
    phoneValidated: Type.Optional(Type.Boolean()),
    createdAt: orNull(Time),
    user: orNull(
      Type.Object(
        {
          id: Type.Optional(Uuid),
          name: orNull(FullName),
          firstName: orNull(Name),
          lastName: orNull(Name),
          avatar: orNull(Type.String({ maxLength: 2048 })),
        },
        closed,
      ),
    ),
    secondFactor: orNull(
      Type.Object(
        { email: Type.Optional(Type.Boolean()), totp: orNull(Type.String({ maxLength: 256 })) },
        closed,
      ),
    ),
    recogniseDevices: Type.Optional(Type.Boolean()),
    devices: Type.Optional(Type.Array(Type.String({ pattern: '^[\\x20-\\x7e]{1,256}$' }))),
    role: orNull(Type.String()),
    stats: orNull(Json),
    attributes: orNull(Json),
  },
  closed,
);

const MEMBERSHIP = Type.Object(
  { kind: Type.Literal('membership'), account: Uuid, organisation: Uuid, role: Type.String() },
  closed,
);

const INSTALLATION = Type.Object(
  {
    kind: Type.Literal('installation'),
    installationId: StoredText({ least: 1, most: 128 }),
    password: orNull(Type.String()),
    passwordHash: orNull(Type.String({ maxLength: 512 })),
    account: orNull(Uuid),
    status: Type.Optional(Status),
  },
  closed,
);

const RESOURCE = Type.Object(
  {
    kind: Type.Literal('resource'),
    context: Type.String({ minLength: 1, maxLength: 128 }),
    code: Type.String({ minLength: 1, maxLength: 128 }),
    expiresAt: orNull(Time),
    maxUses: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    uses: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    revoked: Type.Optional(Type.Boolean()),
  },
  closed,
);

const SCHEMAS = {
  organisation: ORGANISATION,
  role: ROLE,
  account: ACCOUNT,
  membership: MEMBERSHIP,
  installation: INSTALLATION,
  resource: RESOURCE,
};

/** The kinds of objects in a directory file. */
export type DirectoryKind = keyof typeof SCHEMAS;

/** An organisation’s line. */
export type OrganisationLine = Static<typeof ORGANISATION>;
/** A role’s line. */
export type RoleLine = Static<typeof ROLE>;
/** An account’s line. */
export type AccountLine = Static<typeof ACCOUNT>;
/** A membership’s line. */
export type MembershipLine = Static<typeof MEMBERSHIP>;
/** An installation’s line. */
export type InstallationLine = Static<typeof INSTALLATION>;
/** A resource code’s line. */
export type ResourceLine = Static<typeof RESOURCE>;

/** One line of a directory file that has the right shape. */
export type DirectoryLine =
  | OrganisationLine
  | RoleLine
  | AccountLine
  | MembershipLine
  | InstallationLine
  | ResourceLine;

const validators = new Map<string, Validator>();

function validatorOf(kind: DirectoryKind): Validator {
  const compiled = validators.get(kind) ?? Compile(SCHEMAS[kind]);
  validators.set(kind, compiled as Validator);
  return compiled as Validator;
}

/**
 * Reads one line.
 * @returns the object, or a sentence that says what is wrong with it
 */
export function readDirectoryLine(text: string): DirectoryLine | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is not an object';
  const { kind } = value as { kind?: unknown };
  if (typeof kind !== 'string' || !Object.hasOwn(SCHEMAS, kind)) {
    return `kind must be one of ${Object.keys(SCHEMAS).join(', ')}`;
  }
  const unstorable = unstorablePart(value, DEPTH_LIMIT);
  if (unstorable !== null) return unstorable;
  const schema = SCHEMAS[kind as DirectoryKind];
  if (validatorOf(kind as DirectoryKind).Check(value)) return value as DirectoryLine;
  const problems = schemaProblems(schema, value);
  const named = problems
    .slice(0, NAMED_PROBLEMS)
    .map((problem) => `${problem.path || kind} ${problem.message}`);
  const more = problems.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more problems`] : [])].join('; ');
}

/** How many mistakes of one line are told: a line that is nothing but mistakes must not fill the report. */
const NAMED_PROBLEMS = 50;

/** How deep a line's objects and lists may be nested. */
const DEPTH_LIMIT = 100;

/** What is in a value, at any depth, that no store gives back as it was. */
function unstorablePart(value: unknown, levels: number): string | null {
  if (typeof value === 'string') {
    if (value.includes('\0')) return 'it holds a NUL character';
    return value.isWellFormed() ? null : 'it holds half of a surrogate pair';
  }
  if (typeof value !== 'object' || value === null) return null;
  if (levels === 0) return `it is nested deeper than ${DEPTH_LIMIT} levels`;
  for (const [name, member] of Object.entries(value)) {
    const problem = unstorablePart(name, levels) ?? unstorablePart(member, levels - 1);
    if (problem !== null) return problem;
  }
  return null;
}
