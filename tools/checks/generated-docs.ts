import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationKeys, environmentName } from '../../server/src/config.ts';
import type { Contract } from '../../server/src/contracts/contract.ts';
import { contracts, nativeContract } from '../../server/src/contracts/index.ts';
import { SETTINGS } from '../../server/src/settings.ts';
import { clientDocuments } from './api-types.ts';
import { IMPORT_TABLE } from './import-table.ts';

const NOTE = '<!-- Made by `npm run check -- --fix` from the sources. -->';

/** The documents that are made from the sources, whole or in part, by their path from the root. */
function generatedDocuments(root: string): Readonly<Record<string, string>> {
  return {
    'ARCHITECTURE.md': withImportTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')),
    'docs/configuration.md': configurationPage(),
    'docs/contracts.md': contractsPage(),
    'server/config.schema.json': configurationSchema(),
    ...clientDocuments(root),
  };
}

/** Those that are not what the sources say. With `fix` they are written. */
export function outdatedDocuments(root: string, fix: boolean): string[] {
  const outdated: string[] = [];
  for (const [path, content] of Object.entries(generatedDocuments(root))) {
    const file = join(root, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
    if (fix) writeFileSync(file, content);
    else outdated.push(`${path}: is not what the sources say; run: npm run check -- --fix`);
  }
  return outdated;
}

/** The page with today's table between its two marks. */
function withImportTable(page: string): string {
  const rows = Object.entries(IMPORT_TABLE).map(
    ([home, seen]) => `| \`${home}\` | ${seen.map((each) => `\`${each}\``).join(' ') || '–'} |`,
  );
  const table = ['| in | may be imported |', '|---|---|', ...rows].join('\n');
  return page.replace(
    /(<!-- import table -->\n)[\s\S]*(<!-- \/import table -->)/,
    (_, before, after) => `${before}${table}\n${after}`,
  );
}

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

function configurationPage(): string {
  const rows = configurationKeys().map(({ path, schema }) =>
    row(path.join('.'), environmentName(path.join('.')), schema as Schema),
  );
  const mounts = (SETTINGS.properties.mounts as unknown as Schema).items?.properties ?? {};
  const mountRows = Object.entries(mounts).map(
    ([key, schema]) => `| \`${key}\` | ${valuesOf(schema)} | ${schema.description ?? ''} |`,
  );
  return `${NOTE}

# Configuration

Read in this order, the later over the earlier: the defaults; \`latchkey.config.json\` in the working directory, or the file
that \`--config\` names; the environment. In the environment, lists and objects are JSON, and a name that ends in \`_FILE\`
reads the value from the file that it names. A key that is not known, or a value that is not allowed, stops the start, and
everything that is wrong is listed at once. \`server/config.schema.json\` describes the file to editors.

| key | environment | values | default | meaning |
|---|---|---|---|---|
${rows.join('\n')}

## Mounts

\`mounts\` is a list of objects. Each serves one contract, at its own paths or below a prefix. What is left out is the
contract's own (see [contracts](contracts.md)).

| key | values | meaning |
|---|---|---|
${mountRows.join('\n')}

\`allowSignUp\` and \`allowUnattestedDevices\` are off where they are left out, and refused at the start where the contract has no
[sign-up](sign-up.md): \`profile\` has one for people, \`credential-type\` for people and devices.
`;
}

function row(key: string, variable: string, schema: Schema): string {
  const standard = schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
  const shown = key === 'mounts' ? 'all five contracts' : standard;
  return `| \`${key}\` | \`${variable}\` | ${valuesOf(schema)} | ${shown} | ${schema.description ?? ''} |`;
}

function valuesOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.minimum !== undefined) return `${schema.minimum} to ${schema.maximum}`;
  return schema.type ?? '';
}

function contractsPage(): string {
  const sections = [...contracts, nativeContract].map(contractSection);
  return `${NOTE}

# Contracts

A contract is a wire API that clients in the field already speak. Each is a folder in \`server/src/contracts/\` with a codec,
recorded vectors and a page of its own. CONTRIBUTING tells how to add one.

${sections.join('\n')}`;
}

function contractSection(contract: Contract): string {
  const { defaults } = contract;
  const endpoints = contract.endpoints.map(
    (endpoint) =>
      `| \`${endpoint.method} ${endpoint.path}\` | ${endpoint.accepts.join(', ') || '–'} | ${endpoint.summary} |`,
  );
  const facts = [
    `access tokens live ${defaults.accessTokenSeconds} s`,
    defaults.refreshTokenSeconds === null
      ? 'hands no refresh tokens out'
      : `refresh tokens live ${defaults.refreshTokenSeconds} s`,
    ...(defaults.requireValidatedEmail ? ['asks for a validated e-mail address'] : []),
    ...(contract.revealsUnknownIdentity
      ? ['tells unknown identities, unless the mount sets `hideUnknownIdentity`']
      : []),
  ];
  return `## \`${contract.name}\`

${contract.title}. By default: ${facts.join('; ')}.

| endpoint | bodies | what it does |
|---|---|---|
${endpoints.join('\n')}
`;
}

function configurationSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Latchkey configuration',
    ...SETTINGS,
  };
  const properties = { $schema: { type: 'string' }, ...SETTINGS.properties };
  // Nothing must be given: what is left out has a default.
  const optional = JSON.stringify(
    { ...schema, properties, required: [] },
    (key, value) => (key === 'required' && isSection(value) ? undefined : value),
    2,
  );
  return `${optional}\n`;
}

/** Lists of required keys are only meant for what was merged with the defaults; a mount does need its contract. */
function isSection(value: unknown): boolean {
  return Array.isArray(value) && !value.includes('contract') && !value.includes('count');
}
