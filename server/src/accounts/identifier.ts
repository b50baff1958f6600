import parsePhoneNumber, { type CountryCode, isSupportedCountry } from 'libphonenumber-js/min';
import { foldText } from './fold.ts';
import { asciiDomain } from './mail-domain.ts';

/** The ways an account can be named. */
export type IdentifierKind = 'username' | 'email' | 'phone';

/** Each kind's bit in the store: one canonical form can be a user name and an e-mail address of the same account. */
export const KIND_BITS: Readonly<Record<IdentifierKind, number>> = { username: 1, email: 2, phone: 4 };

/** The bits of several kinds together. */
export function kindBits(kinds: readonly IdentifierKind[]): number {
  return kinds.reduce((bits, kind) => bits | KIND_BITS[kind], 0);
}

// Control and format characters (zero width, direction marks), lone surrogates and unassigned ones: they would make
// two names that look alike, so no name has them.
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/u;

/** Has no width either, but `trim` takes it for a space. */
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The form in which user names and e-mail addresses compare: NFKC, case folded, an international domain in its ASCII
 * form, no space around it. Null for what can be no name.
 */
export function canonicalName(value: string): string | null {
  const folded = foldText(value).trim();
  if (folded === '' || FORBIDDEN.test(folded) || value.includes(BYTE_ORDER_MARK)) return null;
  const at = folded.lastIndexOf('@');
  if (at < 0) return folded;
  const foldedDomain = folded.slice(at + 1);
  const domain = asciiDomain(typedDomain(value)) ?? asciiDomain(foldedDomain) ?? foldedDomain;
  return `${folded.slice(0, at)}@${domain}`;
}

/** What is behind the last `@` before anything is folded, with the dots of other keyboards as dots. */
function typedDomain(value: string): string {
  return (/[^@＠﹫]*$/u.exec(value.trim())?.[0] ?? '').replace(/[。．｡]/gu, '.');
}

const E164 = /^\+[1-9]\d{6,14}$/;

/** Whether a text is a phone number in E.164: the form in which numbers are kept, and that text messages go to. */
export function isInternationalNumber(text: string): boolean {
  return E164.test(text);
}

/** The country calling code of a number in E.164, without the `+`; what cannot be told is the first three digits. */
export function countryCallingCode(phone: string): string {
  return parsePhoneNumber(phone)?.countryCallingCode ?? phone.slice(1, 4);
}

/**
 * A phone number in E.164, from any usual notation.
 * @param region the ISO 3166 code that national numbers are read in, such as `ES`; null takes international ones only,
 *   with `+` or `00`
 * @returns null for what is no phone number
 */
export function canonicalPhone(value: string, region: string | null): string | null {
  const typed = value.normalize('NFKC').trim();
  // Where no region says how calls abroad begin, it is as in most of the world.
  const text = region === null ? typed.replace(/^(\(?)00(?=[\s-]*[1-9])/, '$1+') : typed;
  if (!/^[+\d(]/.test(text) || value.includes(BYTE_ORDER_MARK)) return null;
  const parsed = parsePhoneNumber(text, {
    extract: false,
    ...(region === null ? {} : { defaultCountry: region as CountryCode }),
  });
  if (parsed?.isPossible() && parsed.ext === undefined) return parsed.number;
  const plain = text.replace(/[\s().-]/g, '');
  return E164.test(plain) ? plain : null;
}

/** Whether national phone numbers can be read in a region: there is one of that code. */
export function isPhoneRegion(region: string): boolean {
  return isSupportedCountry(region);
}

/** What an account is named by. */
export interface Names {
  readonly username: string | null;
  readonly email: string | null;
  readonly phone: string | null;
}

/**
 * The canonical forms by which an account can be found, with the bits of their kinds: one form can be a user name and an
 * e-mail address at once.
 * @returns them, or the kind that has none
 */
export function canonicalForms(names: Names): ReadonlyMap<string, number> | IdentifierKind {
  const forms = new Map<string, number>();
  for (const kind of ['username', 'email', 'phone'] as const) {
    const value = names[kind];
    if (value === null) continue;
    const canonical = kind === 'phone' ? canonicalPhone(value, null) : canonicalName(value);
    if (canonical === null) return kind;
    forms.set(canonical, (forms.get(canonical) ?? 0) | KIND_BITS[kind]);
  }
  return forms;
}
