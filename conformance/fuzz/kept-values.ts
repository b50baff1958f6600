import { SEED, totpCode } from '../../server/testing/totp.ts';

/** Somebody whom the subject knows. */
export interface KnownPerson {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly phone: string;
}

/** The password that everybody has at first. */
export const PASSWORD = 'the right password of everybody';
/** An organisation in which those with memberships keep a role. */
const ORGANISATION = '00000000-0000-4000-9000-000000000001';
/** An installation that can sign in. */
export const INSTALLATION = 'installation'.padEnd(32, '.');
/** A resource code that can. */
const RESOURCE = 'voucher::a::code::b';

/** Names under which texts are kept whatever the member was that they stood in. */
const TOKEN = 'any token';
const BEARER = 'bearer';
const MAILED_CODE = 'mailed code';

const KEPT_FOR_EACH = 12;

/**
 * What earlier answers and mails gave: tokens, tickets, codes, ids, by the name of the member that they stood in and by the
 * person whose request it was. A few of each are kept, the newest.
 */
export class KeptValues {
  readonly #people: readonly KnownPerson[];
  readonly #byPerson = new Map<number, Map<string, string[]>>();

  constructor(people: readonly KnownPerson[]) {
    this.#people = people;
  }

  /** Takes every text out of an answer. @param person whose it is, by number */
  takeFrom(person: number, value: unknown, name = ''): void {
    if (typeof value === 'string') this.keep(person, name, value);
    if (typeof value !== 'object' || value === null) return;
    for (const [inner, member] of Object.entries(value))
      this.takeFrom(person, member, Array.isArray(value) ? name : inner);
  }

  /** Keeps one text. */
  keep(person: number, name: string, text: string): void {
    const mine = this.#byPerson.get(person) ?? new Map<string, string[]>();
    this.#byPerson.set(person, mine);
    const names = [plain(name)];
    if (text.length >= 20 && /^[\w.~+/=-]+$/.test(text)) names.push(TOKEN);
    if (/^(token|accesstoken)$/.test(plain(name))) names.push(BEARER);
    for (const each of names) mine.set(each, [text, ...(mine.get(each) ?? [])].slice(0, KEPT_FOR_EACH));
  }

  /** Keeps the code of a mail. @param address whom it went to */
  keepMailed(address: string, code: string): void {
    const person = /^(?:person|newcomer-)(\d+)/.exec(address)?.[1];
    if (person !== undefined) this.keep(Number(person), MAILED_CODE, code);
  }

  /** Forgets those who are asked about no more. @param before the number of the first who still is */
  forget(before: number): void {
    for (const person of this.#byPerson.keys()) if (person < before) this.#byPerson.delete(person);
  }

  /** What a client in the middle of things would send in a member of that name; null when there is no such thing yet. */
  sensible(person: number, route: string, member: string, pick: number): string | null {
    const isNewcomer = route.includes('sign-up') && pick % 8 > 0;
    const known = isNewcomer ? newcomer(person, pick) : this.#people[person];
    const setsPassword = /password\/|sign-up/.test(route);
    const rules: readonly (readonly [RegExp, () => string | null | undefined])[] = [
      [/^(new_?)?password$/i, () => (setsPassword ? `quince lantern ${pick}` : PASSWORD)],
      [/password/i, () => PASSWORD],
      [/code|pin|otp/i, () => this.#code(person, pick)],
      [/token|challenge/i, () => this.#one(person, member, pick) ?? this.#one(person, TOKEN, pick)],
      [/phone/i, () => known?.phone],
      [/installation/i, () => INSTALLATION],
      [/^resource$/, () => RESOURCE],
      [/fingerprint/i, () => (pick % 3 === 0 ? 'a known device' : `device ${pick % 5}`)],
      [/^organi[sz]ation/i, () => ORGANISATION],
      [/^role$/i, () => 'keeper'],
      [/^user_?name$/i, () => known?.username],
      [/ident|e_?mail|login|reference/i, () => known?.email],
    ];
    const rule = rules.find(([names]) => names.test(member));
    return (rule === undefined ? this.#one(person, member, pick) : rule[1]()) ?? null;
  }

  /** A token that could open a route: a session's mostly, any other now and then. */
  bearer(person: number, pick: number): string | null {
    return this.#one(person, pick % 8 === 0 ? TOKEN : BEARER, pick);
  }

  /** Anything at all that was kept. */
  any(person: number, pick: number): string | null {
    const all = [...(this.#byPerson.get(person)?.values() ?? [])].flat();
    return all[pick % Math.max(1, all.length)] ?? null;
  }

  /** One that was mailed, or one of the authenticator that is set up or being set up. */
  #code(person: number, pick: number): string {
    const mailed = this.#one(person, MAILED_CODE, 0);
    const secret = this.#one(person, 'secret', 0);
    if (pick % 2 === 0 && mailed !== null) return mailed;
    return totpCode(Date.now(), pick % 3 === 0 && secret !== null ? secret : SEED);
  }

  #one(person: number, name: string, pick: number): string | null {
    const texts = this.#byPerson.get(person)?.get(plain(name)) ?? [];
    // The newest one mostly: older ones are spent, or their session has ended.
    return texts[pick % 4 === 0 ? pick % Math.max(1, texts.length) : 0] ?? null;
  }
}

/** Contracts spell the same name in several ways. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, '');
}

/** Somebody who is about to sign up. */
function newcomer(person: number, pick: number): KnownPerson {
  const username = `newcomer-${person}-${pick}`;
  const phone = `+346${String(person * 1000 + pick).padStart(8, '0')}`;
  return { id: '', username, email: `${username}@example.com`, phone };
}
