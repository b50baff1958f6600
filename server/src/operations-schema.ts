import { Type } from 'typebox';

const closed = { additionalProperties: false };

const WEBHOOK = Type.Object(
  {
    url: Type.String({ pattern: '^https?://.+$', description: 'where events are posted' }),
    secret: Type.String({
      pattern: '^whsec_[A-Za-z0-9+/]{32,88}={0,2}$',
      description: 'what they are signed with: `whsec_` and 24 to 64 bytes in base64',
    }),
    events: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'names of events, or beginnings that end in `*`; default all',
      }),
    ),
  },
  closed,
);

/** Where servers count together, and from when on they turn work away. */
export const LIMITS = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        pattern: '^rediss?://.+$',
        description:
          '`redis://…` or `rediss://…`: where the failures of addresses, organisations, contexts and everybody are counted over all servers. Without it, in the store where that is PostgreSQL, and in memory on the embedded store, over all `workers`',
      }),
    ),
    eventLoopMilliseconds: Type.Integer({
      default: 500,
      minimum: 0,
      maximum: 60_000,
      description:
        'how late the event loop may be before sign-ins and whatever else hashes or sends are turned away with 503; 0 for never',
    }),
    memoryMib: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_048_576,
      description:
        'resident memory from which on they are turned away, beside nine tenths of the heap that Node.js allows; 0 for any. A process gives little of it back: leave room above what it has in a busy hour',
    }),
  },
  closed,
);

/** How many processes may serve together. */
export const MOST_WORKERS = 64;

/**
 * What the configuration can say of how a server is run and looked at: its processes, what is kept, the audit log, metrics,
 * spans.
 */
export const OPERATIONS = {
  workers: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: MOST_WORKERS,
    description:
      'processes that serve together on one port, as `serve --workers` says: each has its share of the hashing threads. 1 for no more than the program itself',
  }),
  cleanUp: Type.Object(
    {
      everySeconds: Type.Integer({
        description: 'how often a server removes what has been over for that long',
        default: 60,
        minimum: 1,
        maximum: 3600,
      }),
      keepSeconds: Type.Integer({
        description:
          'how long sessions and tickets stay after their end, and messages that came too late; then nobody can look at them any more',
        default: 604_800,
        minimum: 1,
        maximum: 31_536_000,
      }),
    },
    closed,
  ),
  audit: Type.Object(
    {
      retentionDays: Type.Integer({
        description: 'how long events of the audit log are kept; 0 for ever',
        default: 0,
        minimum: 0,
        maximum: 36_500,
      }),
    },
    closed,
  ),
  metrics: Type.Object(
    {
      token: Type.Optional(
        Type.String({
          minLength: 16,
          description:
            'who shows it as a bearer token may read `/metrics`, from anywhere; without it this machine only',
        }),
      ),
    },
    closed,
  ),
  tracing: Type.Object(
    {
      url: Type.Optional(
        Type.String({
          pattern: '^https?://.+$',
          description:
            'where OpenTelemetry spans go by OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`; none without it',
        }),
      ),
      sampleRatio: Type.Number({
        default: 1,
        minimum: 0,
        maximum: 1,
        description: 'the part of requests that is traced',
      }),
    },
    closed,
  ),
  webhooks: Type.Array(WEBHOOK, {
    default: [],
    description: 'who is told of audit events as they happen, by the rules of Standard Webhooks',
  }),
};
