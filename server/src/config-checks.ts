import { isIP } from 'node:net';
import { ARGON2_WORK_KIB_LIMIT } from './crypto/hash-work.ts';
import { parseSecretKey } from './crypto/secret-key.ts';
import { type MailAddress, parseMailAddress } from './delivery/mail-address.ts';
import {
  NO_OVERRIDES,
  readTemplateOverrides,
  type TemplateOverrides,
} from './delivery/template-overrides.ts';
import { hasWordsIn } from './delivery/wording.ts';
import { relyingPartyProblems } from './factors/relying-party.ts';
import type { Settings } from './settings.ts';

// What a schema cannot say of a setting. Each check adds a sentence for what is wrong to the problems it is given.

/** Whoever vouches for devices is asked with a secret. */
export function requireAttestationSecret({ attestation }: Settings, problems: string[]): void {
  const { url, secret } = attestation;
  if ((url === undefined) !== (secret === undefined))
    problems.push('attestation: url and secret belong together');
}

/** The sender of mails. */
export function mailAddress(text: string, problems: string[]): MailAddress | null {
  const address = parseMailAddress(text);
  if (!address) problems.push('mail.from: must be an e-mail address, or `Name <address>`');
  return address;
}

/** The operator’s own words. */
export function templatesOf(folder: string | undefined, problems: string[]): TemplateOverrides {
  if (folder === undefined) return NO_OVERRIDES;
  const read = readTemplateOverrides(folder);
  problems.push(...read.problems.map((problem) => `mail.templates: ${problem}`));
  return read.overrides;
}

/** The locale of whom nothing is known must have words. */
export function requireWords(locale: string, templates: TemplateOverrides, problems: string[]): void {
  if (!hasWordsIn(locale, templates))
    problems.push(`mail.locale: there are no templates in ${locale}, neither ours nor in mail.templates`);
}

/**
 * An address that is called over HTTP holds no user and no password: nothing is called by one that does, and the error says it
 * whole. What else is in it is logged nowhere.
 * @param instead where a credential belongs
 */
export function requireCallable(
  key: string,
  text: string | undefined,
  problems: string[],
  instead?: string,
): void {
  if (text === undefined || text === 'console:') return;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) problems.push(`${key}: is not a URL`);
  else if (url.username !== '' || url.password !== '')
    problems.push(
      `${key}: must not hold a user or a password${instead === undefined ? '' : `; put the credential into ${instead}`}`,
    );
}

/** Whoever is told of events has an address of its own, by which its place in the log is kept. */
export function requireWebhooks({ webhooks }: Settings, problems: string[]): void {
  const known = new Set<string>();
  for (const [index, { url }] of webhooks.entries()) {
    const key = `webhooks[${index}].url`;
    requireCallable(key, url, problems);
    if (known.has(url)) problems.push(`${key}: is there already; name the events of both in one`);
    known.add(url);
  }
}

/** The key that seals, where one is given. */
export function secretOf(text: string | undefined, problems: string[]): Buffer | null {
  const key = text === undefined ? null : parseSecretKey(text);
  if (typeof key !== 'string') return key;
  problems.push(`secrets.key: ${key}`);
  return null;
}

/** A store of several nodes needs a key that all of them have. */
export function requireSecret({ secrets, store }: Settings, problems: string[]): void {
  if (secrets.key === undefined && !store.url.startsWith('sqlite:')) {
    problems.push(
      'secrets.key: must be given with a PostgreSQL store; make one with: openssl rand -base64 32',
    );
  }
}

/** The address of a server must be a URL; `sqlite:PATH` and `console:` name none. */
export function requireUrl(key: string, address: string | undefined, problems: string[]): void {
  if (address === undefined || /^(sqlite|console):/.test(address)) return;
  try {
    const { username, password } = new URL(address);
    decodeURIComponent(username + password);
  } catch {
    problems.push(`${key}: is not a URL`);
  }
}

/** RFC 9106 §3.1: each lane has at least 8 KiB. */
export function requireLanes({ memoryKib, parallelism }: Settings['hashing'], problems: string[]): void {
  if (memoryKib < 8 * parallelism)
    problems.push(`hashing.memoryKib: must be at least 8 for each lane, ${8 * parallelism}`);
}

/** What a password is hashed with has to be what is taken in verifying it. */
export function requireVerifiable({ memoryKib, passes }: Settings['hashing'], problems: string[]): void {
  if (memoryKib * passes > ARGON2_WORK_KIB_LIMIT)
    problems.push(
      `hashing: memoryKib times passes must be at most ${ARGON2_WORK_KIB_LIMIT}: a hash of more work is not verified`,
    );
}

/** Proxies are named by address or block. */
export function requireAddressBlocks(blocks: readonly string[], problems: string[]): void {
  for (const block of blocks)
    if (!isAddressBlock(block))
      problems.push(`trustedProxies: ${block} is neither an address nor a CIDR block`);
}

/** Where a part of a password's hash is sent: in clear to this machine only. */
export function requireSafeUrl(url: string | undefined, problems: string[]): void {
  if (url === undefined || !URL.canParse(url)) return;
  if (!isHttpsOrLocal(url)) problems.push('passwords.breachCheckUrl: must be an https URL');
}

/** In production tokens are issued, and links mailed, in the name of an address that nobody on the way can pose as. */
export function requireHttpsIssuer(
  origin: string | null,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): void {
  if (environment.NODE_ENV === 'production' && origin !== null && !isHttpsOrLocal(origin))
    problems.push(
      'publicUrl: must be an https URL where NODE_ENV is production, but for this machine itself',
    );
}

function isHttpsOrLocal(text: string): boolean {
  const { protocol, hostname } = URL.canParse(text) ? new URL(text) : { protocol: '', hostname: '' };
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLocal);
}

/** Passkeys are bound to names that belong to where we are. */
export function requireRelyingParty(
  passkeys: Settings['passkeys'],
  publicUrl: string | null,
  problems: string[],
): void {
  if (publicUrl === null || isWebOrigin(publicUrl))
    problems.push(...relyingPartyProblems(passkeys, publicUrl));
}

/** The issuer, without a slash at its end. */
export function originOf(publicUrl: string | undefined, problems: string[]): string | null {
  const origin = publicUrl === undefined ? null : publicUrl.replace(/\/+$/, '');
  if (origin !== null && !isWebOrigin(origin))
    problems.push('publicUrl: must be an http or https URL without a query');
  return origin;
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
