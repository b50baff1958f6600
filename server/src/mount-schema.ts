import { Type } from 'typebox';

const closed = { additionalProperties: false };

/** What the configuration can say of one mount. */
export const MOUNT = Type.Object(
  {
    contract: Type.String({ description: 'the contract that is served' }),
    prefix: Type.Optional(
      Type.String({
        pattern: '^(/[A-Za-z0-9._~-]+)*$',
        description: 'put before its paths, such as `/legacy`',
      }),
    ),
    organisation: Type.Optional(
      Type.String({
        pattern: '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$',
        description: 'serve only accounts whose home is this organisation or one below it',
      }),
    ),
    accessTokenSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 315_360_000, description: 'life of an access token' }),
    ),
    refreshTokenSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 315_360_000,
        description: 'life of a refresh token, where the contract hands them out',
      }),
    ),
    algorithm: Type.Optional(
      Type.Enum(['ES256', 'EdDSA', 'RS256', 'HS256'], {
        description: 'how access tokens are signed; default `ES256`',
      }),
    ),
    audience: Type.Optional(
      Type.String({ minLength: 1, description: 'the `aud` of its tokens; default `publicUrl`' }),
    ),
    claims: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Union([
          Type.String({ minLength: 1 }),
          Type.Null(),
          Type.Object(
            {
              name: Type.Optional(Type.String({ minLength: 1 })),
              values: Type.Optional(Type.Record(Type.String(), Type.String())),
            },
            closed,
          ),
        ]),
        {
          description:
            'our claim’s name to the one that the mount’s tokens use, to `null` to leave it out, or to `{name, values}` to put other values in the place of ours',
        },
      ),
    ),
    requireValidatedEmail: Type.Optional(
      Type.Boolean({ description: 'refuse accounts whose e-mail address is not validated' }),
    ),
    allowSignUp: Type.Optional(Type.Boolean({ description: 'let people make accounts' })),
    phoneRegion: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{2}$',
        description: 'region in which national phone numbers are read, such as `ES`',
      }),
    ),
    hideUnknownIdentity: Type.Optional(
      Type.Boolean({
        description: 'answer an unknown identity as a wrong password, where the contract tells them apart',
      }),
    ),
    trustFirstDevice: Type.Optional(
      Type.Boolean({
        description: 'take the first device of an account that never had one without a code; default `true`',
      }),
    ),
    allowUnattestedDevices: Type.Optional(
      Type.Boolean({ description: 'let devices sign up without attestation' }),
    ),
    secret: Type.Optional(
      Type.String({ minLength: 32, description: 'the shared secret of `HS256`, at least 32 characters' }),
    ),
  },
  closed,
);
