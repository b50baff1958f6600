import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { servedMounts } from '../../server/src/app.ts';
import { loadConfiguration } from '../../server/src/config.ts';
import { describeApi, type OpenApi } from '../../server/src/http/openapi.ts';
import { version } from '../../server/src/version.ts';

/** The part of JSON Schema that the contracts' descriptions use: anything else stops the generator. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema | readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Schema>>;
}

interface Described {
  readonly summary: string;
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

const KEYWORDS = new Set([
  'contentEncoding',
  ...['type', 'const', 'enum', 'anyOf', 'items', 'additionalItems', 'minItems', 'maxItems', 'properties'],
  ...['required', 'patternProperties', 'minLength', 'maxLength', 'minimum', 'maximum', 'format', 'pattern'],
  'description',
]);

/** What the client is made from: the description of a server with the default mounts, and the types of its operations. */
export function clientDocuments(root: string): Readonly<Record<string, string>> {
  // Not of the root: there an operator may have settings of their own.
  const configuration = loadConfiguration({ environment: {}, directory: join(root, 'client') });
  const api = describeApi(servedMounts(configuration), 'http://127.0.0.1:8080', version);
  const document = JSON.stringify(api, null, 2);
  return {
    'client/openapi.json': formatted(root, 'client/openapi.json', document),
    'client/src/api-types.ts': formatted(root, 'client/src/api-types.ts', apiTypes(JSON.parse(document))),
  };
}

/** TypeScript types of what every operation takes, and of what it answers when it does as it is asked. */
export function apiTypes(api: Pick<OpenApi, 'paths'>): string {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      operationType(`${method.toUpperCase()} ${path}`, operation as unknown as Described),
    ),
  );
  return `// Made by \`npm run check -- --fix\` from the contracts, as openapi.json is.
// biome-ignore-all lint/style/noExcessiveLinesPerFile: it has as many lines as there are operations

/** What each operation takes, and what it answers when it does as it is asked. A body that is null is none. */
export interface Operations {
${operations.join('\n')}
}
`;
}

function operationType(name: string, { summary, requestBody, responses }: Described): string {
  const replies = Object.entries(responses)
    .filter(([status]) => status.startsWith('2'))
    .map(([, { content }]) => typeOf(content));
  return `/** ${summary} */
${JSON.stringify(name)}: { readonly request: ${typeOf(requestBody?.content)}; readonly reply: ${union(replies)} };`;
}

function typeOf(content: Content | undefined): string {
  const schema = content?.['application/json']?.schema;
  return schema === undefined ? 'null' : printed(schema);
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(' | ');
}

function printed(schema: Schema): string {
  const unknown = Object.keys(schema).find((keyword) => !KEYWORDS.has(keyword));
  if (unknown !== undefined) throw new Error(`there is no type for the JSON Schema keyword ${unknown}`);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
  if (schema.anyOf) return union(schema.anyOf.map(printed));
  switch (schema.type) {
    case undefined:
      return 'unknown';
    case 'integer':
      return 'number';
    case 'array':
      return arrayType(schema);
    case 'object':
      return objectType(schema);
    default:
      return schema.type;
  }
}

function arrayType({ items = {} }: Schema): string {
  return Array.isArray(items)
    ? `readonly [${items.map(printed).join(', ')}]`
    : `readonly (${printed(items as Schema)})[]`;
}

function objectType({ properties = {}, required = [] }: Schema): string {
  const members = Object.entries(properties).map(
    ([name, schema]) =>
      `readonly ${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${printed(schema)};`,
  );
  return members.length === 0 ? 'Readonly<Record<string, unknown>>' : `{\n${members.join('\n')}\n}`;
}

/** As the formatter would have it, which then has nothing to say about it. */
function formatted(root: string, path: string, text: string): string {
  return execFileSync('node_modules/.bin/biome', ['format', `--stdin-file-path=${path}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
  });
}
