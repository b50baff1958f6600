import type { TSchema } from 'typebox';
import type { Endpoint } from '../contracts/contract.ts';
import type { Mount } from '../mount.ts';

/** An OpenAPI 3.1 document, as far as we write one. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

interface Operation {
  readonly tags: readonly string[];
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
  readonly security?: readonly object[];
}

const MEDIA_TYPES = { json: 'application/json', form: 'application/x-www-form-urlencoded' } as const;

const ANY_ERROR = {
  '4XX': { description: 'Refused, in the contract’s own shape. 429 says in Retry-After when to come back.' },
  '5XX': { description: 'Failed inside (500), or not available now (503, with Retry-After).' },
};

/** Describes every endpoint of every mount. */
export function describeApi(mounts: readonly Mount[], publicUrl: string, version: string): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const mount of mounts) {
    for (const endpoint of mount.contract.endpoints) {
      const path = (mount.prefix + endpoint.path).replace(/:(\w+)/g, '{$1}');
      paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(mount, endpoint) };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey',
      version,
      description: 'One identity core behind every sign-in API you already have.',
    },
    servers: [{ url: publicUrl }],
    tags: mounts.map((mount) => ({ name: mount.name, description: mount.contract.title })),
    paths: { ...paths, ...SYSTEM_PATHS },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  };
}

function operation(mount: Mount, endpoint: Endpoint): Operation {
  const { request, headers = [], bearer, bearerForBody, replies } = endpoint.describe;
  const places = [...endpoint.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const parameters = [
    ...places.map((name) => ({ in: 'path', name, required: true, schema: { type: 'string' } })),
    ...headers.map(({ optional, ...header }) => ({
      in: 'header',
      required: optional !== true,
      schema: { type: 'string' },
      ...header,
    })),
  ];
  return {
    tags: [mount.name],
    operationId: `${mount.name}:${endpoint.method} ${endpoint.path}`,
    summary: endpoint.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(request
      ? { requestBody: { required: !bearerForBody, content: contentOf(endpoint.accepts, request) } }
      : {}),
    responses: {
      ...Object.fromEntries(Object.entries(replies).map(([status, schema]) => [status, replyOf(schema)])),
      ...ANY_ERROR,
    },
    ...(bearer ? { security: [...(bearerForBody ? [{}] : []), { bearer: [] }] } : {}),
  };
}

function contentOf(accepts: Endpoint['accepts'], schema: TSchema): object {
  return Object.fromEntries(accepts.map((kind) => [MEDIA_TYPES[kind], { schema }]));
}

function replyOf(schema: TSchema | null): object {
  const description =
    (schema as { description?: string } | null)?.description ?? 'The contract’s own answer.';
  return schema === null ? { description } : { description, content: { 'application/json': { schema } } };
}

const probe = (summary: string): Record<string, Operation> => ({
  get: {
    tags: ['system'],
    operationId: summary,
    summary,
    responses: {
      200: { description: 'Yes.' },
      503: { description: 'No; Retry-After says when to ask again.' },
    },
  },
});

const SYSTEM_PATHS: Readonly<Record<string, Record<string, Operation>>> = {
  '/.well-known/jwks.json': {
    get: {
      tags: ['system'],
      operationId: 'jwks',
      summary: 'The public keys of access tokens (RFC 7517)',
      responses: { 200: { description: 'A JWK set.' } },
    },
  },
  '/v1/revocations': {
    get: {
      tags: ['system'],
      operationId: 'revocations',
      summary: 'The sessions whose tokens are to be refused, as they are revoked: for resource servers',
      parameters: [
        {
          in: 'header',
          name: 'Last-Event-ID',
          required: false,
          schema: { type: 'string' },
          description:
            'the number of the last event that came; without it, all that can still matter is told',
        },
      ],
      responses: {
        200: {
          description: 'A stream of server-sent events: session-revoked, keys-changed, caught-up, heartbeat.',
          content: { 'text/event-stream': { schema: { type: 'string' } } },
        },
        ...ANY_ERROR,
      },
      security: [{ bearer: [] }],
    },
  },
  '/metrics': {
    get: {
      tags: ['system'],
      operationId: 'metrics',
      summary: 'Figures for Prometheus: for this machine, or for whoever shows metrics.token',
      responses: {
        200: { description: 'Text.', content: { 'text/plain': { schema: { type: 'string' } } } },
        ...ANY_ERROR,
      },
      security: [{}, { bearer: [] }],
    },
  },
  '/livez': probe('Whether the process lives'),
  '/readyz': probe('Whether it can serve, and if not, what is missing'),
};
