import type { Random } from '../ports.ts';

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** That many characters A–Z, a–z, 0–9, each with the same chance. */
export function alphanumeric(length: number, random: Random): string {
  let text = '';
  while (text.length < length) {
    for (const byte of random.bytes(length)) {
      // 248 is the largest multiple of 62 in a byte: dropping the rest keeps every character as likely as any other.
      if (byte < 248 && text.length < length) text += ALPHANUMERIC[byte % ALPHANUMERIC.length];
    }
  }
  return text;
}

/** A code of six digits, each of the million with the same chance. */
export function sixDigits(random: Random): string {
  for (;;) {
    const drawn = random.bytes(4).readUInt32BE();
    if (drawn < 4_294_000_000) return String(drawn % 1_000_000).padStart(6, '0');
  }
}

/** An opaque secret of 256 bits, in base64url: 43 characters. */
export function opaqueSecret(random: Random): string {
  return random.bytes(32).toString('base64url');
}

/** A random UUID (version 4, RFC 9562). */
export function randomUuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  return formatUuid(bytes, 0x40);
}

/** A UUID that begins with the time (version 7, RFC 9562): rows made together stay together in an index. */
export function timedUuid(now: number, random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes.writeUIntBE(now, 0, 6);
  return formatUuid(bytes, 0x70);
}

/** Where the last part of a UUID begins. */
const LAST_PART = 24;

/** A UUID that differs from another in its last part: those of a family are found together, by what they share. */
export function siblingUuid(id: string, random: Random): string {
  return id.slice(0, LAST_PART) + Buffer.from(random.bytes(6)).toString('hex');
}

/** The first and the last id that those of a family lie between. */
export function familyOf(id: string): readonly [first: string, last: string] {
  const shared = id.slice(0, LAST_PART);
  return [`${shared}000000000000`, `${shared}ffffffffffff`];
}

function formatUuid(bytes: Buffer, version: number): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | version, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
