import { type Static, type TNumberOptions, Type } from 'typebox';
import { GEO_SETTINGS, MAIL_SETTINGS, SMS_SETTINGS } from './delivery/delivery-settings.ts';
import { MOUNT } from './mount-schema.ts';
import { LIMITS, OPERATIONS } from './operations-schema.ts';

// The whole configuration, each key with its meaning: what reads it, the JSON Schema that ships and the documentation
// are all made from here. Sections hold keys and nothing is nested deeper, so every key has one environment name.

const closed = { additionalProperties: false };

const seconds = (description: string, limits: TNumberOptions = {}) =>
  Type.Integer({ minimum: 1, maximum: 315_360_000, ...limits, description });

/** How many failures there may be in which time, or whatever else is counted. */
const failures = (
  most: number,
  options: { default: { count: number; seconds: number }; description: string },
) =>
  Type.Object(
    {
      count: Type.Integer({ minimum: 1, maximum: most, description: 'how many' }),
      seconds: Type.Integer({ minimum: 1, maximum: 86_400, description: 'in this time' }),
    },
    { ...closed, ...options },
  );

/** The configuration's schema. */
export const SETTINGS = Type.Object(
  {
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1', minLength: 1, description: 'address to listen on' }),
        port: Type.Integer({
          default: 8080,
          minimum: 0,
          maximum: 65_535,
          description: 'port to listen on; 0 takes a free one',
        }),
        drainMilliseconds: Type.Integer({
          default: 500,
          minimum: 0,
          maximum: 60_000,
          description:
            'how long it goes on accepting after it was told to stop, saying that it is not ready, so that balancers stop sending',
        }),
      },
      closed,
    ),
    publicUrl: Type.Optional(
      Type.String({
        description:
          'issuer of tokens and base of every link in a mail; may be https while listening on http. Default: made from `listen`',
      }),
    ),
    store: Type.Object(
      {
        url: Type.String({
          default: 'sqlite:./data/latchkey.db',
          pattern: '^(sqlite:.+|postgres(ql)?://.+)$',
          description: '`sqlite:PATH` or `postgres://user:password@host:port/database`',
        }),
      },
      closed,
    ),
    secrets: Type.Object(
      {
        key: Type.Optional(
          Type.String({
            description:
              '32 bytes in base64: seals private keys, TOTP secrets and queued mail. Made at first start in `./data/secret.key` on the embedded store; must be given with PostgreSQL',
          }),
        ),
      },
      closed,
    ),
    mail: MAIL_SETTINGS,
    sms: SMS_SETTINGS,
    geo: GEO_SETTINGS,
    trustedProxies: Type.Array(Type.String(), {
      default: [],
      description: 'addresses or CIDR blocks whose `X-Forwarded-For` is believed',
    }),
    log: Type.Object(
      {
        level: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
          default: 'info',
          description: 'least important level that is logged',
        }),
      },
      closed,
    ),
    mounts: Type.Array(MOUNT, {
      default: ['fingerprint', 'profile', 'role-picker', 'credential-type', 'login'].map((contract) => ({
        contract,
      })),
      minItems: 1,
      description: 'the contracts that are served',
    }),
    signIn: Type.Object(
      {
        maxFailures: Type.Integer({
          default: 10,
          minimum: 1,
          maximum: 100,
          description: 'failures of an account, or of an unknown identifier, after which it must wait',
        }),
        lockSeconds: Type.Integer({
          default: 30,
          minimum: 1,
          maximum: 900,
          description: 'the first wait; it doubles with each further failure, up to an hour',
        }),
        refusalMilliseconds: Type.Integer({
          default: 250,
          minimum: 0,
          maximum: 2000,
          description: 'a refused credential is answered no sooner than this after the request arrived',
        }),
        perAddress: failures(100_000, {
          default: { count: 100, seconds: 60 },
          description: 'failed attempts a client address may have (IPv6: its /64)',
        }),
        asksPerAddress: failures(100_000, {
          default: { count: 600, seconds: 600 },
          description:
            'codes that a client address (IPv6: its /64) may ask for and anybody can: for a new password, to validate an account. Whether one is mailed or not',
        }),
        perOrganisation: failures(10_000_000, {
          default: { count: 10_000, seconds: 600 },
          description:
            'failed passwords that the mounts of one organisation may have, from all addresses together. Recognised devices and passkeys go on',
        }),
        overall: failures(10_000_000, {
          default: { count: 50_000, seconds: 600 },
          description:
            'failed passwords that all mounts may have together. Recognised devices and passkeys go on',
        }),
        perContext: failures(10_000_000, {
          default: { count: 1000, seconds: 3600 },
          description: 'wrong resource codes that one context may have, from all addresses together',
        }),
      },
      closed,
    ),
    limits: LIMITS,
    hashing: Type.Object(
      {
        memoryKib: Type.Integer({
          default: 19_456,
          minimum: 8,
          maximum: 262_144,
          description:
            'argon2id memory; times `hashing.passes` at most 1,048,576; less work than the default is warned of',
        }),
        passes: Type.Integer({ default: 2, minimum: 1, maximum: 16, description: 'argon2id passes' }),
        parallelism: Type.Integer({ default: 1, minimum: 1, maximum: 16, description: 'argon2id lanes' }),
        queueMilliseconds: Type.Integer({
          default: 1000,
          minimum: 100,
          maximum: 60_000,
          description: 'longest wait for any queue; an attempt that would wait longer is refused at once',
        }),
      },
      closed,
    ),
    passkeys: Type.Object(
      {
        rpId: Type.Optional(
          Type.String({
            description:
              'host name that passkeys are bound to: that of `publicUrl`, or one that it is below. With another one, the passkeys that people have are of no use. Default: the host of `publicUrl`',
          }),
        ),
        origins: Type.Array(Type.String(), {
          default: [],
          description:
            'origins beside that of `publicUrl` whose pages may use passkeys: `https://…` on or below `passkeys.rpId`, or `android:apk-key-hash:…` of an app',
        }),
      },
      closed,
    ),
    challenge: Type.Object(
      {
        pinSeconds: seconds('life of a mailed code', { default: 600 }),
        ticketSeconds: seconds('life of login, step-up and challenge tokens', { default: 600 }),
      },
      closed,
    ),
    totp: Type.Object(
      {
        issuer: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 64,
            description:
              'the name that authenticator apps show beside our codes. Default: the host of `publicUrl`',
          }),
        ),
      },
      closed,
    ),
    refresh: Type.Object(
      {
        graceSeconds: seconds(
          'how long the refresh token that was just rotated answers with the same child again',
          { default: 10 },
        ),
      },
      closed,
    ),
    devices: Type.Object(
      {
        forgetSeconds: seconds('after how long without a sign-in a device is recognised no more', {
          default: 31_536_000,
        }),
      },
      closed,
    ),
    signUp: Type.Object(
      {
        enabled: Type.Boolean({
          default: false,
          description: 'let people make accounts at `/v1`; other mounts have `allowSignUp`',
        }),
      },
      closed,
    ),
    attestation: Type.Object(
      {
        url: Type.Optional(
          Type.String({
            pattern: '^https?://.+$',
            description: 'who is asked whether a device that signs up is what it says',
          }),
        ),
        secret: Type.Optional(
          Type.String({
            pattern: '^whsec_[A-Za-z0-9+/]{32,88}={0,2}$',
            description: 'what those questions are signed with: `whsec_` and 24 to 64 bytes in base64',
          }),
        ),
      },
      closed,
    ),
    ...OPERATIONS,
    session: Type.Object(
      {
        maxSeconds: Type.Optional(
          seconds(
            'longest life of a session, however often it is refreshed; its tokens end with it. Default 7776000 (90 days), or the longest `accessTokenSeconds` or `refreshTokenSeconds` of a mount where that is longer',
          ),
        ),
      },
      closed,
    ),
    passwords: Type.Object(
      {
        breachCheckUrl: Type.Optional(
          Type.String({
            pattern: '^https?://[^?#]+$',
            description:
              'a range service that new passwords are looked up at, such as `https://api.pwnedpasswords.com/range`: it learns five digits of a hash. When it does not answer, the password is taken',
          }),
        ),
        breachedFile: Type.Optional(
          Type.String({
            minLength: 1,
            description:
              'a sorted file of SHA-1 hashes, as Have I Been Pwned’s download has them, that new passwords are looked up in',
          }),
        ),
      },
      closed,
    ),
    keys: Type.Object(
      {
        publishSeconds: seconds(
          'how long a new signing key is published before it signs; also the max-age of the JWKS',
          // Whoever caches the JWKS keeps it for some seconds, whatever max-age says: our own verifier for five.
          { default: 300, minimum: 5, maximum: 86_400 },
        ),
        rotateDays: Type.Integer({
          description: 'the age at which a running server replaces a signing key; 0 for never',
          default: 90,
          minimum: 0,
          maximum: 3650,
        }),
      },
      closed,
    ),
  },
  closed,
);

/** A valid configuration. Every key with a default has a value. */
export type Settings = Static<typeof SETTINGS>;

/** The settings of one mount, as they were given. */
export type MountSettings = Settings['mounts'][number];
