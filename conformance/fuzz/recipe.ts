import fc from 'fast-check';
import { ROUTES, type Route } from '../../server/testing/routes.ts';
import { hostileHeader, hostileJson, hostileText } from './hostile-values.ts';

/** What stands in one place of a request. Those that name no text are filled in when it is sent. */
export type Value =
  /** What a client in the middle of things would send here. */
  | { readonly kind: 'sensible'; readonly pick: number }
  /** Whatever an earlier answer gave, wherever it belongs. */
  | { readonly kind: 'kept'; readonly pick: number }
  /** JSON, or nearly. */
  | { readonly kind: 'raw'; readonly json: string };

/** A member of a body, a header or a part of a path, and what stands in it. */
export interface Part {
  readonly name: string;
  /** Where it stands, from the outside in; one name for what is not inside another. */
  readonly path: readonly string[];
  readonly value: Value;
}

/** A request before it is known what earlier answers gave. */
export interface Recipe {
  readonly route: string;
  readonly method: string;
  /** The path with its parameters in it. */
  readonly path: string;
  readonly query: string;
  /** Who among those that are asked about now. */
  readonly who: number;
  readonly places: readonly Part[];
  readonly headers: readonly Part[];
  readonly bearer: Value | null;
  readonly members: readonly Part[] | null;
  /** In the place of the whole body. */
  readonly wholeBody: string | null;
  readonly type: string;
  readonly forwardedFor: string | null;
}

interface Described {
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly anyOf?: readonly Described[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly required?: readonly string[];
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const SYSTEM_PATHS = [
  '/livez',
  '/readyz',
  '/docs',
  '/openapi.json',
  '/.well-known/jwks.json',
  '/metrics',
  '/v1/revocations',
];

const pick = fc.nat({ max: 1000 });
const sensible: fc.Arbitrary<Value> = pick.map((pick) => ({ kind: 'sensible', pick }));
const anyValue: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: sensible },
  { weight: 1, arbitrary: pick.map((pick): Value => ({ kind: 'kept', pick })) },
  { weight: 2, arbitrary: hostileJson.map((json): Value => ({ kind: 'raw', json })) },
);

/** A member that the description leaves no choice about has a value of its own. */
function fixedValue({ const: fixed, enum: choices, type }: Described): fc.Arbitrary<Value> | null {
  const asValue = (value: unknown): Value => ({ kind: 'raw', json: JSON.stringify(value) });
  if (fixed !== undefined) return fc.constant(asValue(fixed));
  if (choices !== undefined) return fc.constantFrom(...choices).map(asValue);
  if (type === 'boolean') return fc.boolean().map(asValue);
  if (type === 'array') return fc.array(fc.string({ maxLength: 8 }), { maxLength: 4 }).map(asValue);
  return null;
}

/** The members of a body, at any depth, each present or not. */
function membersOf(schema: Described, isWild: boolean, above: readonly string[] = []): fc.Arbitrary<Part[]> {
  const [first] = schema.anyOf ?? [];
  if (first !== undefined)
    return fc.oneof(...(schema.anyOf ?? []).map((each) => membersOf(each, isWild, above)));
  const entries = Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const path = [...above, name];
    const present = isWild || !schema.required?.includes(name) ? fc.nat({ max: 9 }) : fc.constant(0);
    const inner = member.properties
      ? membersOf(member, isWild, path)
      : valueFor(member, isWild).map((value) => [{ name, path, value }]);
    return fc.tuple(present, inner).map(([skipped, parts]) => (skipped >= 8 ? [] : parts));
  });
  return fc.tuple(...entries).map((parts) => parts.flat());
}

function valueFor(member: Described, isWild: boolean): fc.Arbitrary<Value> {
  const fixed = fixedValue(member) ?? sensible;
  return isWild ? fc.oneof({ weight: 2, arbitrary: fixed }, { weight: 3, arbitrary: anyValue }) : fixed;
}

const extraMember: fc.Arbitrary<Part> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(
        '__proto__',
        'constructor',
        'role',
        'isAdmin',
        'organisation',
        'id',
        'emailValidated',
        'then',
        'toJSON',
        '0',
        '',
      ),
      hostileText,
    ),
    hostileJson,
  )
  .map(([name, json]) => ({ name, path: [name], value: { kind: 'raw', json } }));

const query = fc.oneof(
  { weight: 20, arbitrary: fc.constant('') },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.webQueryParameters().map((text) => `?${text}`),
      fc.constantFrom('?', '?a=1&a=2', '?__proto__[a]=1', '?%zz', '?_method=DELETE', `?${'a'.repeat(4000)}`),
    ),
  },
);

const forwardedFor = fc.oneof(
  { weight: 8, arbitrary: fc.ipV4() },
  { weight: 2, arbitrary: fc.ipV6() },
  { weight: 1, arbitrary: fc.tuple(hostileHeader, fc.ipV4()).map((hops) => hops.join(', ')) },
  { weight: 1, arbitrary: hostileHeader },
  { weight: 1, arbitrary: fc.constant(null) },
);

function typeFor({ endpoint }: Route): fc.Arbitrary<string> {
  const declared = endpoint.accepts.map((kind) => (kind === 'json' ? JSON_TYPE : FORM_TYPE));
  return fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...(declared.length === 0 ? [JSON_TYPE] : declared)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'text/plain',
        'application/json; charset=utf-7',
        'multipart/form-data; boundary=a',
        FORM_TYPE,
        '',
      ),
    },
  );
}

function recipesAt(route: Route, isWild: boolean): fc.Arbitrary<Recipe> {
  const { endpoint } = route;
  const value = isWild ? anyValue : sensible;
  const named = (names: readonly string[]) =>
    fc.tuple(...names.map((name) => value.map((each): Part => ({ name, path: [name], value: each }))));
  const schema = endpoint.describe.request as unknown as Described | undefined;
  const extra = isWild ? fc.array(extraMember, { maxLength: 2 }) : fc.constant([]);
  const members: fc.Arbitrary<readonly Part[] | null> =
    endpoint.accepts.length === 0
      ? fc.constant(null)
      : fc.tuple(membersOf(schema ?? {}, isWild), extra).map((parts) => parts.flat());
  return fc.record({
    route: fc.constant(route.name),
    method: isWild
      ? fc.oneof(
          { weight: 30, arbitrary: fc.constant(route.method) },
          {
            weight: 1,
            arbitrary: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD'),
          },
        )
      : fc.constant(route.method),
    path: fc.constant(endpoint.path),
    query: isWild ? query : fc.constant(''),
    who: fc.nat({ max: 1000 }),
    places: named([...endpoint.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)),
    headers: named((endpoint.describe.headers ?? []).map(({ name }) => name)),
    bearer:
      endpoint.describe.bearer === true ? value : isWild ? fc.option(value, { freq: 8 }) : fc.constant(null),
    members,
    wholeBody: isWild ? fc.option(hostileJson, { freq: 20 }) : fc.constant(null),
    type: isWild
      ? typeFor(route)
      : fc.constantFrom(...(endpoint.accepts.includes('form') ? [JSON_TYPE, FORM_TYPE] : [JSON_TYPE])),
    forwardedFor,
  });
}

/** Paths of no route, and of those that are no contract's. */
const elsewhere: fc.Arbitrary<Recipe> = fc.record({
  route: fc.constant('elsewhere'),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE'),
  path: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...SYSTEM_PATHS) },
    { weight: 2, arbitrary: fc.webPath() },
    {
      weight: 3,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...ROUTES.map(({ path }) => path)),
          fc.constantFrom('/', '//', '/..', ';a', '%2f', '%00', '%', '.json', '/__proto__', '?'),
        )
        .map((parts) => parts.join('')),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '/%ff',
        '//',
        '/%',
        '/..',
        '/a/../livez',
        `/${'a'.repeat(2000)}`,
        `/v1/sessions/${'%41'.repeat(1000)}`,
      ),
    },
  ),
  query,
  who: fc.nat({ max: 1000 }),
  places: fc.constant([]),
  headers: fc.array(
    fc
      .tuple(
        fc.constantFrom(
          'x-http-method-override',
          'last-event-id',
          'x-original-url',
          'range',
          'if-none-match',
          'accept',
          'cookie',
          'origin',
          'expect',
        ),
        hostileHeader,
      )
      .map(
        ([name, text]): Part => ({ name, path: [name], value: { kind: 'raw', json: JSON.stringify(text) } }),
      ),
    { maxLength: 2 },
  ),
  bearer: fc.option(anyValue, { freq: 4 }),
  members: fc.constant(null),
  wholeBody: fc.constant(null),
  type: fc.constant(JSON_TYPE),
  forwardedFor: fc.constant(null),
});

/** What would leave little to go on with, if it were done as often as everything else. */
const ENDS_SESSIONS = /(sign-?out|logout)$|^DELETE \/v1\/sessions$|password\/(change|reset)$/;

/** Requests over every route: half of them as clients send them, half of them with something else somewhere. */
export const recipes: fc.Arbitrary<Recipe> = fc.oneof(
  ...ROUTES.flatMap((route) => [
    { weight: ENDS_SESSIONS.test(route.name) ? 2 : 10, arbitrary: recipesAt(route, false) },
    { weight: 10, arbitrary: recipesAt(route, true) },
  ]),
  { weight: ROUTES.length, arbitrary: elsewhere },
);
