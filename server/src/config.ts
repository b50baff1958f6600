import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  mailAddress,
  originOf,
  requireAddressBlocks,
  requireAttestationSecret,
  requireCallable,
  requireHttpsIssuer,
  requireLanes,
  requireRelyingParty,
  requireSafeUrl,
  requireSecret,
  requireUrl,
  requireVerifiable,
  requireWebhooks,
  requireWords,
  secretOf,
  templatesOf,
} from './config-checks.ts';
import { contracts } from './contracts/index.ts';
import type { MailAddress } from './delivery/mail-address.ts';
import { NO_OVERRIDES, type TemplateOverrides } from './delivery/template-overrides.ts';
import { ConfigurationError } from './errors.ts';
import type { Mount } from './mount.ts';
import { resolveMounts } from './mount-settings.ts';
import { schemaProblems } from './schema-problems.ts';
import { SETTINGS, type Settings } from './settings.ts';

/** The file that is read from the working directory when no other is named. */
const CONFIGURATION_FILE = 'latchkey.config.json';

/** A configuration that can be run: every key checked, every mount complete. */
export interface Configuration
  extends Omit<Settings, 'mounts' | 'secrets' | 'mail' | 'publicUrl' | 'session'> {
  /** Without a slash at its end; null when it is to be made from the address that is listened on. */
  readonly publicUrl: string | null;
  /** Null when it is kept in the key file. */
  readonly secretKey: Buffer | null;
  readonly mail: Omit<Settings['mail'], 'from' | 'templates'> & {
    readonly from: MailAddress;
    readonly templates: TemplateOverrides;
  };
  readonly mounts: readonly Mount[];
  readonly session: { readonly maxSeconds: number };
}

const SESSION_SECONDS = 90 * 86_400;

/** The mounts with tokens that are to live longer than a session may: they end with it. */
export function mountsCutShort({ mounts, session }: Pick<Configuration, 'mounts' | 'session'>): Mount[] {
  return mounts.filter((mount) => lifeSeconds(mount) > session.maxSeconds);
}

/** Says so in a sentence, with what to do; null where there is none. */
export function cutShortNotice(config: Pick<Configuration, 'mounts' | 'session'>): string | null {
  const names = mountsCutShort(config).map(({ name }) => name);
  return names.length === 0
    ? null
    : `tokens of ${names.join(', ')} end after ${config.session.maxSeconds} s, with the session. Set session.maxSeconds no less than they are to live, or leave it out.`;
}

function lifeSeconds({ accessTokenSeconds, refreshTokenSeconds }: Mount): number {
  return Math.max(accessTokenSeconds, refreshTokenSeconds ?? 0);
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
  merge(tree, readFile(sources, problems));
  const environment = sources.environment ?? process.env;
  const named = readEnvironment(environment, tree, problems);
  const unsound = new Set<string>();
  for (const { path, message } of schemaProblems(SETTINGS, tree)) {
    unsound.add(/^mounts\[\d+\]/.exec(path)?.[0] ?? path.replace(/\[.*/, ''));
    const variable = [...named].find(([key]) => `${path.replaceAll('[', '.')}.`.startsWith(`${key}.`))?.[1];
    problems.push(`${path || 'the file'}: ${message}${variable === undefined ? '' : ` (${variable})`}`);
  }
  return complete(tree as Settings, unsound, environment, problems);
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

function merge(tree: Tree, file: object): void {
  const sections = new Set(configurationKeys().flatMap(({ path }) => (path.length > 1 ? [path[0]] : [])));
  for (const [name, value] of Object.entries(file)) {
    if (name === '$schema') continue;
    const merges = sections.has(name) && typeof value === 'object' && value !== null && !Array.isArray(value);
    if (merges) Object.assign(section(tree, name), value);
    else tree[name] = value;
  }
}

function readFile(sources: ConfigurationSources, problems: string[]): object {
  const directory = sources.directory ?? process.cwd();
  const path =
    sources.file === undefined ? join(directory, CONFIGURATION_FILE) : resolve(directory, sources.file);
  try {
    const file: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof file === 'object' && file !== null && !Array.isArray(file)) return file;
    problems.push(`${path} must hold a JSON object`);
  } catch (error) {
    const isAbsent = sources.file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isAbsent) problems.push(`cannot read the configuration ${path}: ${(error as Error).message}`);
  }
  return {};
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
  if (schema.type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  if (schema.type === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (schema.type !== 'object' && schema.type !== 'array') return text;
  try {
    return JSON.parse(text);
  } catch {
    problems.push(`${variable} must be JSON`);
    return schema.default;
  }
}

/** Checks what a schema cannot say, of the keys that are sound as far as it can. */
function complete(
  settings: Settings,
  unsound: ReadonlySet<string>,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Configuration {
  /** What a key means, when its value has the right form. */
  const read = <Meaning>(key: string, meaning: () => Meaning): Meaning | null =>
    unsound.has(key) || unsound.has(key.split('.')[0] ?? '') ? null : meaning();
  const { secrets, mail, publicUrl, mounts, ...rest } = settings;

  const from = read('mail.from', () => mailAddress(mail.from, problems));
  const templates = read('mail.templates', () => templatesOf(mail.templates, problems));
  read('mail.locale', () => requireWords(mail.locale, templates ?? NO_OVERRIDES, problems));
  read('sms.url', () => requireCallable('sms.url', settings.sms.url, problems, 'sms.token'));
  const secretKey = read('secrets.key', () => secretOf(secrets.key, problems));
  read('secrets.key', () => read('store.url', () => requireSecret(settings, problems)));
  read('store.url', () => requireUrl('store.url', settings.store.url, problems));
  read('mail.url', () => requireUrl('mail.url', mail.url, problems));
  read('limits.url', () => requireUrl('limits.url', settings.limits.url, problems));
  read('tracing.url', () =>
    requireCallable('tracing.url', settings.tracing.url, problems, 'OTEL_EXPORTER_OTLP_HEADERS'),
  );
  read('webhooks', () => requireWebhooks(settings, problems));
  read('hashing.memoryKib', () =>
    read('hashing.parallelism', () => requireLanes(settings.hashing, problems)),
  );
  read('hashing.memoryKib', () =>
    read('hashing.passes', () => requireVerifiable(settings.hashing, problems)),
  );
  read('trustedProxies', () => requireAddressBlocks(settings.trustedProxies, problems));
  const origin = read('publicUrl', () => originOf(publicUrl, problems));
  requireHttpsIssuer(origin, environment, problems);
  const { breachCheckUrl } = settings.passwords;
  read('passwords.breachCheckUrl', () => {
    requireCallable('passwords.breachCheckUrl', breachCheckUrl, problems);
    requireSafeUrl(breachCheckUrl, problems);
  });
  read('attestation.url', () => {
    requireCallable('attestation.url', settings.attestation.url, problems);
    requireAttestationSecret(settings, problems);
  });
  read('passkeys.origins', () =>
    read('passkeys.rpId', () =>
      read('publicUrl', () => requireRelyingParty(rest.passkeys, origin, problems)),
    ),
  );
  const resolved = read('mounts', () =>
    resolveMounts(mounts, contracts, (index) => !unsound.has(`mounts[${index}]`)),
  );
  problems.push(...(resolved?.problems ?? []));

  if (problems.length > 0 || !from || !templates || !resolved) throw new ConfigurationError(problems);
  return {
    ...rest,
    publicUrl: origin,
    secretKey,
    mail: { ...mail, from, templates },
    mounts: resolved.mounts,
    session: {
      maxSeconds:
        settings.session.maxSeconds ?? Math.max(SESSION_SECONDS, ...resolved.mounts.map(lifeSeconds)),
    },
  };
}
