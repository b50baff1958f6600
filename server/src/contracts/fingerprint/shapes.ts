import { Type } from 'typebox';

/** A completed sign-in, or a step that is due. */
export const Envelope = Type.Object({
  statusCode: Type.Literal(200),
  data: Type.Object({
    token: Type.String(),
    refreshToken: Type.String(),
    authenticationType: Type.Literal('Bearer'),
    account: Type.Object({
      id: Type.String(),
      username: Type.String(),
      status: Type.Enum(['activated', 'pending']),
      createdAt: Type.String(),
      emailHasBeenValidated: Type.Boolean(),
      phoneHasBeenValidated: Type.Boolean(),
    }),
    user: Type.Object({ id: Type.String(), name: Type.String() }),
    loggedAt: Type.String(),
    observation: Type.Object({ code: Type.Enum([1, 2, 3]), message: Type.String() }),
  }),
});

/** A code was mailed, or would have been. */
export const Sent = Type.Object({
  statusCode: Type.Literal(200),
  data: Type.Object({ sent: Type.Literal(true) }),
});
/** The code of a step. */
export const Code = Type.Object({ code: Type.String() });

/** A new pair of tokens. */
export const Refreshed = Type.Object({
  statusCode: Type.Literal(200),
  data: Type.Object({
    token: Type.String(),
    refreshToken: Type.String(),
    authenticationType: Type.Literal('Bearer'),
  }),
});

/** The session has ended. */
export const SignedOut = Type.Object({
  statusCode: Type.Literal(200),
  data: Type.Object({ signedOut: Type.Literal(true) }),
});
