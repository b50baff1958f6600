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

const Failed = Type.Object({ code: Type.String(), message: Type.String(), requestId: Type.String() });

/** Why not. */
export const Failure = Type.Object({ error: Failed });

/** A step is due before the role is reached. */
export const StepDue = Type.Object({ error: Failed, challenge_token: Type.String() });

const Bytes = Type.String({ contentEncoding: 'base64url' });

/** What a browser's `toJSON()` gives of what a passkey has signed, as far as it is read. */
export const AssertionBody = Type.Object({
  id: Bytes,
  type: Type.Literal('public-key'),
  response: Type.Object({
    clientDataJSON: Bytes,
    authenticatorData: Bytes,
    signature: Bytes,
    userHandle: Type.Optional(Bytes),
  }),
});

/** What a browser's `toJSON()` gives of a passkey that it has made, as far as it is read. */
export const AttestationBody = Type.Object({
  id: Bytes,
  type: Type.Literal('public-key'),
  response: Type.Object({
    clientDataJSON: Bytes,
    attestationObject: Bytes,
    transports: Type.Optional(Type.Array(Type.String())),
  }),
});

const ForBrowser = Type.Object(
  {},
  { description: 'for `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`' },
);

/** What a browser needs to make or to use a passkey, and the token that its answer comes with. */
export const PasskeyOptions = Type.Object({ challenge_token: Type.String(), options: ForBrowser });

/** The same for a challenge that the client holds the token of. */
export const StepOptions = Type.Object({ options: ForBrowser });

/** A passkey of the account's. */
export const Passkey = Type.Object({
  id: Bytes,
  name: TextOrNull,
  synced: Type.Boolean(),
  backedUp: Type.Boolean(),
  createdAt: Type.String(),
  lastUsedAt: TextOrNull,
});

/** The passkeys of the account. */
export const Passkeys = Type.Object({ passkeys: Type.Array(Passkey) });
/** The second factors of an account. */
export const Factors = Type.Object({
  email: Type.Object({ on: Type.Boolean(), address: TextOrNull }),
  totp: Type.Object({ on: Type.Boolean() }),
  recoveryCodes: Type.Object({ left: Type.Integer() }),
});

/** A factor that waits for the code that confirms it. */
export const Enrolment = Type.Object({ challenge_token: Type.String() });

/** The same, with what an authenticator app is told: the seed in base32, its `otpauth:` URI, and that as a QR code in SVG. */
export const TotpEnrolment = Type.Object({
  challenge_token: Type.String(),
  secret: Type.String(),
  uri: Type.String(),
  qr: Type.String(),
});

/** What confirms it. */
export const Confirmation = Type.Object({ challenge_token: Type.String(), code: Type.String() });

/** Recovery codes, shown this once; empty when there is nothing to show. */
export const RecoveryCodes = Type.Object({ recoveryCodes: Type.Array(Type.String()) });
