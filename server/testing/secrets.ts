import { createHash } from 'node:crypto';

/** A secret that must not lie about, and what it is, for the message when it does. */
export interface Secret {
  readonly what: string;
  readonly text: string | Buffer;
  /** Can be found by trying: then a hash without a key or a salt is as good as the secret itself. */
  readonly isGuessable?: boolean;
}

/** Texts shorter than this come up by chance inside longer ones: they count where they stand alone. */
const LONG = 8;

/** The secrets that are found in bytes, in any usual spelling, a line for each. */
export function findSecrets(bytes: string | Buffer, secrets: readonly Secret[]): string[] {
  const searched = Buffer.from(bytes as string);
  const text = searched.toString('latin1');
  return secrets.flatMap((secret) =>
    spellingsOf(secret)
      .filter(({ spelling }) =>
        spelling.length < LONG ? standsAlone(text, spelling.toString('latin1')) : searched.includes(spelling),
      )
      .map(({ how }) => `${secret.what}, ${how}`),
  );
}

interface Spelling {
  readonly how: string;
  readonly spelling: Buffer;
}

const known = new WeakMap<Secret, Spelling[]>();

function spellingsOf(secret: Secret): Spelling[] {
  const spellings = known.get(secret) ?? spell(secret);
  known.set(secret, spellings);
  return spellings;
}

function spell({ text, isGuessable }: Secret): Spelling[] {
  const bytes = Buffer.from(text as string);
  const plain = typeof text === 'string' ? text : bytes.toString('latin1');
  const found: Spelling[] = [
    { how: 'as it is', spelling: bytes },
    { how: 'in lower case', spelling: Buffer.from(plain.toLowerCase()) },
    { how: 'as JSON', spelling: Buffer.from(JSON.stringify(plain).slice(1, -1)) },
    { how: 'as ASCII JSON', spelling: Buffer.from(escaped(plain)) },
    { how: 'URL-encoded', spelling: Buffer.from(encodeURIComponent(plain)) },
    { how: 'form-encoded', spelling: Buffer.from(new URLSearchParams({ '': plain }).toString().slice(1)) },
    { how: 'in hex', spelling: Buffer.from(bytes.toString('hex')) },
    { how: 'in upper-case hex', spelling: Buffer.from(bytes.toString('hex').toUpperCase()) },
    ...base64Of(bytes),
  ];
  const word = longestWord(plain);
  if (typeof text === 'string' && word.length >= TELLING)
    found.push({ how: 'in part', spelling: Buffer.from(word) });
  return isGuessable ? [...found, ...digestsOf(bytes)] : found;
}

/** What no further quoting or escaping changes; as long as that, it is nothing but the secret. */
const TELLING = 16;

function longestWord(text: string): string {
  return (text.match(/[\w-]+/g) ?? [text]).reduce((longest, word) =>
    word.length > longest.length ? word : longest,
  );
}

/** Base64 groups three bytes: a secret inside something longer is spelled in one of three ways. */
function base64Of(bytes: Buffer): Spelling[] {
  return (['base64', 'base64url'] as const).flatMap((encoding) =>
    [0, 1, 2].flatMap((before) => {
      const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding);
      const own = whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
      return own.length < LONG
        ? []
        : [{ how: `in ${encoding} after ${before} bytes`, spelling: Buffer.from(own) }];
    }),
  );
}

function digestsOf(bytes: Buffer): Spelling[] {
  return ['md5', 'sha1', 'sha256', 'sha512'].flatMap((algorithm) =>
    (['hex', 'base64', 'base64url'] as const).map((encoding) => ({
      how: `as ${algorithm} in ${encoding}`,
      spelling: Buffer.from(createHash(algorithm).update(bytes).digest(encoding).replace(/=+$/, '')),
    })),
  );
}

function escaped(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function standsAlone(text: string, word: string): boolean {
  return new RegExp(`(?<![0-9A-Za-z_-])${word}(?![0-9A-Za-z_-])`).test(text);
}
