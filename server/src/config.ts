import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { contracts } from './contracts/index.ts';
import { parseSecretKey } from './crypto/secret-key.ts';
import { type MailAddress, parseMailAddress } from './delivery/mail-address.ts';
import { ConfigurationError, OperatorError } from './errors.ts';
import type { Mount } from './mount.ts';
import { resolveMounts } from './mount-settings.ts';
import { schemaProblems } from './schema-problems.ts';
import { SETTINGS, type Settings } from './settings.ts';

/** The file that is read from the working directory when no other is named. */
export const CONFIGURATION_FILE = 'latchkey.config.json';

/** A configuration that can be run: every key checked, every mount complete. */
export interface Configuration extends Omit<Settings, 'mounts' | 'secrets' | 'mail' | 'publicUrl'> {
  /** Without a slash at its end; null when it is to be made from the address that is listened on. */
  readonly publicUrl: string | null;
  /** Null when it is kept in the key file. */
  readonly secretKey: Buffer | null;
  readonly mail: { readonly url: string; readonly from: MailAddress };
  readonly mounts: readonly Mount[];
}

/** Where a configuration is read from. */
export interface ConfigurationSources {
  /** A file that must be there; without it, `latchkey.config.json` in the working directory, if it is. */
  readonly file?: string | undefined;
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

type Tree = Record<string, unknown>;

/**
 * Reads defaults, the file and the environment, each over the one before.
 * @throws ConfigurationError with everything that is wrong, at once
 */
export function loadConfiguration(sources: ConfigurationSources = {}): Configuration {
  const problems: string[] = [];
  const tree = defaults();
  merge(tree, readFile(sources), 'the file');
  const named = readEnvironment(sources.environment ?? process.env, tree, problems);
  for (const problem of schemaProblems(SETTINGS, tree)) {
    const variable = named.get(problem.path.replace(/\[.*/, ''));
    problems.push(
      `${problem.path || 'the file'}: ${problem.message}${variable === undefined ? '' : ` (${variable})`}`,
    );
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return complete(tree as Settings);
}

/** The environment's name for a key: `signIn.maxFailures` is `LATCHKEY_SIGN_IN_MAX_FAILURES`. */
export function environmentName(key: string): string {
  return `LATCHKEY_${key
    .replaceAll('.', '_')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;
}

interface Leaf {
  readonly path: readonly string[];
  readonly schema: Tree;
}

/** Every key of the configuration with its schema. A section is an object at the top; nothing is nested deeper. */
export function configurationKeys(): Leaf[] {
  const leaves: Leaf[] = [];
  for (const [name, schema] of Object.entries(SETTINGS.properties as unknown as Record<string, Tree>)) {
    if (schema.type !== 'object') leaves.push({ path: [name], schema });
    else
      for (const [key, inner] of Object.entries(schema.properties as Record<string, Tree>))
        leaves.push({ path: [name, key], schema: inner });
  }
  return leaves;
}

function defaults(): Tree {
  const tree: Tree = {};
  for (const { path, schema } of configurationKeys()) {
    if (path.length > 1) section(tree, path[0] ?? '');
    if (schema.default !== undefined) put(tree, path, structuredClone(schema.default));
  }
  return tree;
}

function section(tree: Tree, name: string): Tree {
  if (typeof tree[name] !== 'object' || tree[name] === null) tree[name] = {};
  return tree[name] as Tree;
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const [first = '', second] = path;
  if (second === undefined) tree[first] = value;
  else section(tree, first)[second] = value;
}

function merge(tree: Tree, file: unknown, from: string): void {
  if (typeof file !== 'object' || file === null || Array.isArray(file))
    throw new OperatorError(`${from} must hold a JSON object`);
  const sections = new Set(configurationKeys().flatMap(({ path }) => (path.length > 1 ? [path[0]] : [])));
  for (const [name, value] of Object.entries(file)) {
    if (name === '$schema') continue;
    const merges = sections.has(name) && typeof value === 'object' && value !== null && !Array.isArray(value);
    if (merges) Object.assign(section(tree, name), value);
    else tree[name] = value;
  }
}

function readFile(sources: ConfigurationSources): unknown {
  const directory = sources.directory ?? process.cwd();
  const path =
    sources.file === undefined ? join(directory, CONFIGURATION_FILE) : resolve(directory, sources.file);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (sources.file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new OperatorError(`cannot read the configuration ${path}: ${(error as Error).message}`);
  }
}

/** Puts what the environment says into the tree. Returns which variable each key came from. */
function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  tree: Tree,
  problems: string[],
): Map<string, string> {
  const keys = new Map(configurationKeys().map((leaf) => [environmentName(leaf.path.join('.')), leaf]));
  const named = new Map<string, string>();
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('LATCHKEY_') || text === undefined) continue;
    const fromFile = !keys.has(variable) && variable.endsWith('_FILE');
    const leaf = keys.get(fromFile ? variable.slice(0, -'_FILE'.length) : variable);
    if (!leaf) {
      problems.push(`${variable} is not a known setting`);
      continue;
    }
    const key = leaf.path.join('.');
    if (fromFile && environment[environmentName(key)] !== undefined)
      problems.push(`${variable}: ${environmentName(key)} is set as well`);
    named.set(key, variable);
    const value = fromFile ? readSecretFile(variable, text, problems) : text;
    if (value !== null) put(tree, leaf.path, parseVariable(variable, value, leaf.schema, problems));
  }
  return named;
}

function readSecretFile(variable: string, path: string, problems: string[]): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    problems.push(`${variable}: cannot read ${path}: ${(error as Error).message}`);
    return null;
  }
}

function parseVariable(variable: string, text: string, schema: Tree, problems: string[]): unknown {
  if (schema.type === 'integer') return /^-?\d+$/.test(text) ? Number(text) : text;
  if (schema.type !== 'object' && schema.type !== 'array') return text;
  try {
    return JSON.parse(text);
  } catch {
    problems.push(`${variable} must be JSON`);
    return schema.default;
  }
}

/** Checks what a schema cannot say. */
function complete(settings: Settings): Configuration {
  const problems: string[] = [];
  const { secrets, mail, publicUrl, mounts, ...rest } = settings;

  const from = parseMailAddress(mail.from);
  if (!from) problems.push('mail.from: must be an e-mail address, or `Name <address>`');
  const secretKey = secrets.key === undefined ? null : parseSecretKey(secrets.key);
  if (typeof secretKey === 'string') problems.push(`secrets.key: ${secretKey}`);
  if (secretKey === null && !settings.store.url.startsWith('sqlite:')) {
    problems.push(
      'secrets.key: must be given with a PostgreSQL store; make one with: openssl rand -base64 32',
    );
  }
  for (const proxy of settings.trustedProxies)
    if (!isAddressBlock(proxy))
      problems.push(`trustedProxies: ${proxy} is neither an address nor a CIDR block`);
  const origin = publicUrl === undefined ? null : publicUrl.replace(/\/+$/, '');
  if (origin !== null && !isWebOrigin(origin))
    problems.push('publicUrl: must be an http or https URL without a query');
  const resolved = resolveMounts(mounts, contracts);
  problems.push(...resolved.problems);

  if (problems.length > 0 || !from || typeof secretKey === 'string') throw new ConfigurationError(problems);
  return { ...rest, publicUrl: origin, secretKey, mail: { url: mail.url, from }, mounts: resolved.mounts };
}

function isAddressBlock(text: string): boolean {
  const [address = '', bits] = text.split('/');
  const family = isIP(address);
  if (family === 0 || text.split('/').length > 2) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function isWebOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === ''
  );
}
