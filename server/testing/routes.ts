import type { TSchema } from 'typebox';
import type { Contract, Endpoint } from '../src/contracts/contract.ts';
import { contracts, nativeContract } from '../src/contracts/index.ts';
import type { TestApp } from './app.ts';

/** An endpoint of a contract that is mounted without a prefix, and what its own description says that it takes. */
export interface Route {
  readonly contract: Contract;
  readonly endpoint: Endpoint;
  /** Method and path, as the contract declares them. */
  readonly name: string;
  readonly method: string;
  /** The path with something in the place of each parameter. */
  readonly path: string;
  readonly hasBody: boolean;
  /** Whether it takes nothing that could be refused: no token, and nothing in a body. */
  readonly isOpen: boolean;
  /** Each shape of body that it describes; none where it describes no body. */
  readonly shapes: readonly Shape[];
}

/** A body with something in every member, which is the credential of nobody, and where its members stand. */
export interface Shape {
  readonly body: Readonly<Record<string, unknown>>;
  /** The same without what may be left out. */
  readonly least: Readonly<Record<string, unknown>>;
  readonly members: readonly (readonly string[])[];
  /** Those that take any text. */
  readonly texts: readonly (readonly string[])[];
}

/** A schema, as far as descriptions of requests go. */
interface Described {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly contentEncoding?: string;
  readonly anyOf?: readonly Described[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly required?: readonly string[];
}

/** Those that say the same whatever they are asked, as long as it has the right form: what came of it is not told. */
export const ALIKE: readonly string[] = [
  'POST /password/send-token',
  'POST /api/public/account/forgot-password',
  'POST /api/public/account/resend-validation',
  'POST /v1/password/forgot',
];

/** Those that anybody may ask, and that read nothing of what is sent. */
export const OPEN: readonly string[] = ['GET /api/v1/auth/get-challenge'];

/** Every endpoint there is: what is generated from this list takes a new contract and a new endpoint up by itself. */
export const ROUTES: readonly Route[] = [...contracts, nativeContract].flatMap((contract) =>
  contract.endpoints.map((endpoint) => ({
    contract,
    endpoint,
    name: `${endpoint.method} ${endpoint.path}`,
    method: endpoint.method,
    path: endpoint.path.replace(/:\w+/g, 'nothing-known'),
    hasBody: endpoint.accepts.length > 0,
    isOpen: endpoint.describe.bearer !== true && endpoint.describe.request === undefined,
    shapes: shapesOf(endpoint.describe.request),
  })),
);

function shapesOf(schema: TSchema | undefined): Shape[] {
  if (schema === undefined) return [];
  const described = schema as unknown as Described;
  return (described.anyOf ?? [described]).map((shape) => ({
    body: sampleOf(shape) as Record<string, unknown>,
    least: Object.fromEntries(
      Object.entries(sampleOf(shape) as object).filter(([name]) => shape.required?.includes(name)),
    ),
    members: pathsOf(shape, () => true),
    texts: pathsOf(shape, isText),
  }));
}

function isText({ type, const: fixed, anyOf }: Described): boolean {
  return (type === 'string' && fixed === undefined) || (anyOf ?? []).some(isText);
}

function sampleOf(schema: Described): unknown {
  const [first] = schema.anyOf ?? [];
  if (first !== undefined) return sampleOf(first);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'boolean') return false;
  if (schema.type === 'array') return [];
  if (schema.contentEncoding === 'base64url') return 'nothing-that-is-known';
  if (schema.type === 'string') return 'nothing that is known'.padEnd(schema.minLength ?? 0, '.');
  return Object.fromEntries(membersOf(schema).map(([name, member]) => [name, sampleOf(member)]));
}

/** The paths of the members, at any depth, that are wanted. */
function pathsOf(schema: Described, wanted: (member: Described) => boolean): string[][] {
  return membersOf(schema).flatMap(([name, member]) => [
    ...(wanted(member) ? [[name]] : []),
    ...pathsOf(member, wanted).map((path) => [name, ...path]),
  ]);
}

function membersOf(schema: Described): [string, Described][] {
  return Object.entries(schema.properties ?? {});
}

/** A body as JSON, with the member at a path written as whatever is given, which need not be JSON. */
export function jsonWith(body: object, path: readonly string[], raw: string): string {
  return JSON.stringify(withMember(body, path, PLACE)).replace(JSON.stringify(PLACE), () => raw);
}

const PLACE = 'the place that is written over';

/** A body with another value at a path. */
export function withMember(body: object, path: readonly string[], value: unknown): object {
  const [name = '', ...rest] = path;
  const inner = (body as Record<string, object>)[name] ?? {};
  return { ...body, [name]: rest.length === 0 ? value : withMember(inner, rest, value) };
}

/** The headers that an endpoint says it takes, each with a value of nobody's. */
export function headersOf({ endpoint }: Route): Record<string, string> {
  return {
    ...Object.fromEntries((endpoint.describe.headers ?? []).map(({ name }) => [name, 'a device of nobody'])),
    ...(endpoint.describe.bearer === true ? { authorization: 'Bearer a-token-of-nobody' } : {}),
  };
}

/** Every route that the server has, but the HEAD that goes with each GET. */
export function routesServed(app: TestApp): string[] {
  const above: string[] = [];
  return app.app.server
    .printRoutes()
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods = ''] = /^(.*)[├└]── (\S*)(?: \((.*)\))?/.exec(line) ?? [];
      const depth = indent.length / 4;
      above[depth] = `${depth === 0 ? '' : above[depth - 1]}${part}`;
      return methods
        .split(', ')
        .filter((method) => method !== '' && method !== 'HEAD')
        .map((method) => `${method} ${above[depth]}`);
    });
}
