import type { Addressee } from '../accounts/addressee.ts';
import { localesOf } from './locale.ts';
import type { MailAddress } from './mail-address.ts';
import type { CodeMessage, Message } from './message.ts';
import { fill, harmless, type Template, templateOf, type WordedMail, wordMail } from './template.ts';
import { NO_OVERRIDES, type TemplateOverrides } from './template-overrides.ts';
import { en } from './templates/en.ts';
import { LOCALES } from './templates/index.ts';
import type { LocaleTemplates } from './templates/locale-templates.ts';

/** Puts messages into words: in the language and the words of whom they are for. */
export interface Wording {
  /**
   * A mail.
   * @param addressee null for somebody of whom nothing is known
   * @param now milliseconds since 1970
   */
  mail(message: Message, addressee: Addressee | null, now: number): WordedMail;

  /** The one short line of a text message: the code, and whose it is. Parameters as for a mail. */
  sms(message: CodeMessage, addressee: Addressee | null, now: number): string;
}

/** What words depend on, beside the message and whom it is for. */
export interface WordingOptions {
  /** What people call this service. */
  readonly service: string;
  /** The language for those who have not said: `mail.locale`. */
  readonly locale: string;
  readonly overrides?: TemplateOverrides;
}

/** What words come from: the configuration's `mail`. */
export interface WordingSettings {
  readonly mail: {
    readonly from: MailAddress;
    readonly locale: string;
    readonly templates: TemplateOverrides;
  };
}

/** What the settings say about words. */
export function wordingOptions({ mail }: WordingSettings): WordingOptions {
  return { service: mail.from.name || 'Latchkey', locale: mail.locale, overrides: mail.templates };
}

/** The words that ship, and the operator's own before them. */
export function createWording(options: WordingOptions): Wording {
  const { service, overrides = NO_OVERRIDES } = options;

  /** The first that has words: of each language in turn, the organisation's own, then its group's, the operator's, ours. */
  function choose<Words>(
    addressee: Addressee | null,
    own: (owner: string, locale: string) => Words | undefined,
    shipped: (locale: LocaleTemplates) => Words,
  ): { words: Words; locale: string } {
    const owners = [...(addressee?.organisations ?? []), 'default'];
    for (const locale of localesFor(addressee, options.locale)) {
      for (const owner of owners) {
        const words = own(owner, locale);
        if (words !== undefined) return { words, locale };
      }
      const templates = LOCALES.get(locale);
      if (templates) return { words: shipped(templates), locale };
    }
    return { words: shipped(en), locale: 'en' };
  }

  const valuesFor = (message: Message, addressee: Addressee | null, locale: string, now: number) => {
    const spoken = localesOf(locale).map((each) => LOCALES.get(each));
    const templates = spoken.find((each) => each !== undefined) ?? LOCALES.get(options.locale) ?? en;
    const dates = LOCALES.get(locale)?.dates ?? locale;
    const values = { ...valuesOf(message, templates, dates, now), service, name: addressee?.name ?? '' };
    const safe = Object.entries(values).map(([name, value]) => [name, harmless(value)]);
    return { ...Object.fromEntries(safe), ...codeOf(message) } as Record<string, string>;
  };

  return {
    mail(message, addressee, now) {
      const { words, locale } = choose<Template>(
        addressee,
        (owner, each) => overrides.mail(owner, each, message.kind),
        ({ messages }) => templateOf(messages[message.kind]),
      );
      return wordMail(words, valuesFor(message, addressee, locale, now), locale);
    },
    sms(message, addressee, now) {
      const { words, locale } = choose<string>(
        addressee,
        (owner, each) => overrides.sms(owner, each, message.kind),
        ({ text }) => text,
      );
      return fill(words, valuesFor(message, addressee, locale, now));
    },
  };
}

/** The languages to look for, the best first: those of whom it is for, those of everybody, English. */
function localesFor(addressee: Addressee | null, fallback: string): readonly string[] {
  return [...localesOf(addressee?.locale ?? ''), ...localesOf(fallback), 'en'];
}

/** Whether there are words in a language, or in what it falls back to. */
export function hasWordsIn(tag: string, overrides: TemplateOverrides): boolean {
  return localesOf(tag).some((locale) => LOCALES.has(locale) || overrides.locales.has(locale));
}

function codeOf(message: Message): { code?: string } {
  if ('digits' in message) return { code: message.digits };
  return 'code' in message ? { code: message.code } : {};
}

function valuesOf(
  message: Message,
  words: LocaleTemplates,
  dates: string,
  now: number,
): Readonly<Record<string, string>> {
  if ('expiresAt' in message) return { time: untilTime(message.expiresAt, now, dates) };
  if (message.kind === 'account-locked')
    return { time: calendarTime(message.lockedUntil, dates), failures: String(message.failures) };
  const time = calendarTime(message.at, dates);
  switch (message.kind) {
    case 'signed-in-after-failures':
      return { time, failures: String(message.failures) };
    case 'factor-added':
    case 'factor-removed':
      return { time, factor: words.factors[message.factor] };
    case 'recovery-code-used':
      return { time, left: String(message.left) };
    case 'new-device':
      return {
        time,
        device: message.userAgent ?? words.unknownDevice,
        where: message.place === null ? message.address : `${message.address} (${message.place})`,
      };
    default:
      return { time };
  }
}

/** Up to then the time of day says which day is meant. */
const SAME_DAY_MILLISECONDS = 12 * 3_600_000;

function untilTime(expiresAt: number, now: number, dates: string): string {
  return expiresAt - now <= SAME_DAY_MILLISECONDS ? clockTime(expiresAt) : calendarTime(expiresAt, dates);
}

/** 14:05 UTC. */
function clockTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(11, 16)} UTC`;
}

/** 22 November 2026, 14:05 UTC; the date as the language writes it. */
function calendarTime(milliseconds: number, dates: string): string {
  const day = new Intl.DateTimeFormat(dates, {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
    numberingSystem: 'latn',
    calendar: 'gregory',
  });
  return `${day.format(milliseconds)}, ${clockTime(milliseconds)}`;
}
