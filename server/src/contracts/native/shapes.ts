import { Type } from 'typebox';

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

/** What stands behind a bearer token. */
export const Session = Type.Object({
  active: Type.Literal(true),
  principal: Type.Object({ kind: Type.Enum(['account', 'installation', 'resource']), id: Type.String() }),
  account: Type.Optional(Type.String()),
  organisation: Type.Optional(Type.String()),
  role: Type.Optional(Type.String()),
  effectiveOrganisation: Type.Optional(Type.String()),
  scopes: Type.Array(Type.String()),
  amr: Type.Array(Type.String()),
  issuedAt: Type.String(),
  expiresAt: Type.String(),
});
/** Nothing does. */
export const Inactive = Type.Object({ active: Type.Literal(false) });
/** A code was mailed, or would have been. */
export const Accepted = Type.Object({ accepted: Type.Literal(true) });
/** What completes a challenge is worded by the contract where it began. */
export const OriginReply = Type.Object(
  {},
  { description: 'the success body of the contract where the sign-in began' },
);

/** The sessions of an account. */
export const Sessions = Type.Object({
  sessions: Type.Array(
    Type.Object({
      id: Type.String(),
      current: Type.Boolean(),
      mount: Type.String(),
      device: TextOrNull,
      address: TextOrNull,
      userAgent: TextOrNull,
      organisation: TextOrNull,
      role: TextOrNull,
      createdAt: Type.String(),
      lastUsedAt: Type.String(),
    }),
  ),
});

/** A device that an account recognises. */
export const Device = Type.Object({
  id: Type.String(),
  name: TextOrNull,
  createdAt: Type.String(),
  lastUsedAt: Type.String(),
  current: Type.Boolean(),
});

/** Those of an account. */
export const Devices = Type.Object({ devices: Type.Array(Device) });

/** How many sessions were ended. */
export const Ended = Type.Object({ ended: Type.Integer() });

/** A code was sent, or would have been; it goes with this. */
export const CodeSent = Type.Object({ challenge_token: Type.String() });

/** The tokens of a session, and the role that it acts in. */
export const Tokens = Type.Object({
  accessToken: Type.String(),
  refreshToken: TextOrNull,
  organisation: TextOrNull,
  role: Type.String(),
});

/** A step is due before the role is reached. */
export const StepDue = Type.Object({
  error: Type.Object({ code: Type.String(), message: Type.String(), requestId: Type.String() }),
  challenge_token: Type.String(),
});
