import { Type } from 'typebox';

// The bodies of the role-picker contract's answers.

const Flag = Type.Enum([0, 1]);
/** An organisation on this wire: flags are 0 or 1. */
export const OrganisationShape = Type.Union([
  Type.Object({
    uuid: Type.String(),
    accountName: Type.Union([Type.String(), Type.Null()]),
    organisationName: Type.String(),
    isActive: Flag,
    isSuspended: Flag,
    settings: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
    isPaid: Flag,
  }),
  Type.Null(),
]);

/** A role that the password opens. */
export const Granted = Type.Object({
  role: Type.String(),
  loginToken: Type.String(),
  is2FAEnabled: Type.Boolean(),
  organisation: OrganisationShape,
});
/** A role that it does not open, and why. */
export const Refused = Type.Object({
  role: Type.String(),
  organisation: OrganisationShape,
  message: Type.String(),
});
/** Every role of an identity: always exactly two lists. */
export const Roles = Type.Object({
  status_code: Type.Literal(200),
  message: Type.Literal('OK'),
  result: Type.Tuple([Type.Array(Granted), Type.Array(Refused)]),
});

/** A completed sign-in. */
export const SignedIn = Type.Object({
  is2FAEnabled: Type.Boolean(),
  loginToken: Type.String(),
  pin: Type.Optional(Type.String()),
  token: Type.String(),
  refreshToken: Type.String(),
  user: Type.Object({
    uuid: Type.String(),
    name: Type.String(),
    firstName: Type.String(),
    lastName: Type.String(),
    email: Type.String(),
    username: Type.String(),
  }),
  organisation: OrganisationShape,
  role: Type.String(),
});
/** A PIN was mailed, or is expected. */
export const PinDue = Type.Object({ is2FAEnabled: Type.Literal(true), loginToken: Type.String() });
/** It was done. */
export const Success = Type.Object({ success: Type.Literal(true) });

/** A new pair of tokens. */
export const Refreshed = Type.Object({ token: Type.String(), refreshToken: Type.String() });
