import { de } from './de.ts';
import { en } from './en.ts';
import { es } from './es.ts';
import type { LocaleTemplates } from './locale-templates.ts';
import { pt } from './pt.ts';

/** The languages that ship, by their tags. A new one is a file beside these and an entry here. */
export const LOCALES: ReadonlyMap<string, LocaleTemplates> = new Map(Object.entries({ en, es, pt, de }));
