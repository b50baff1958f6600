import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { type CityResponse, Reader } from 'mmdb-lib';
import { OperatorError } from '../errors.ts';
import { localesOf } from './locale.ts';

/** Says where addresses are, in words. */
export interface Places {
  /**
   * City and country of an address, `Porto, Portugal`; null when the data does not know.
   * @param locale BCP 47: the names are in it where the data has them, else in the data's own
   */
  of(address: string, locale: string | null): string | null;
}

/**
 * Reads a database in the MMDB format that has cities or countries, such as GeoLite2 or DB-IP Lite, before anybody is
 * answered.
 * @param file undefined when there is none: then no place is known
 * @param fallback the language for those whose own the data lacks
 * @throws OperatorError when the file cannot be read or is none
 */
export async function openPlaces(file: string | undefined, fallback: string): Promise<Places> {
  if (file === undefined) return { of: () => null };
  const reader = await readDatabase(file);
  return {
    of(address, locale) {
      const found = isIP(address) === 0 ? null : lookUp(reader, address);
      const locales = [...localesOf(locale ?? ''), ...localesOf(fallback), 'en'];
      const names = [found?.city?.names, (found?.country ?? found?.registered_country)?.names];
      const words = names.flatMap((each) => nameIn(each, locales) ?? []);
      return words.length > 0 ? words.join(', ') : null;
    },
  };
}

async function readDatabase(file: string): Promise<Reader<CityResponse>> {
  try {
    return new Reader<CityResponse>(await readFile(file));
  } catch (error) {
    throw new OperatorError(`geo.database: cannot read ${file}: ${(error as Error).message}`);
  }
}

/** A record that is damaged is one that says nothing: no sign-in fails for it. */
function lookUp(reader: Reader<CityResponse>, address: string): CityResponse | null {
  try {
    return reader.get(address);
  } catch {
    return null;
  }
}

function nameIn(names: object | undefined, locales: readonly string[]): string | null {
  const byLocale = new Map(Object.entries(names ?? {}));
  // The common databases have Portuguese as of Brazil only.
  const found = [
    ...locales.flatMap((locale) => (locale === 'pt' ? ['pt', 'pt-BR'] : [locale])),
    ...byLocale.keys(),
  ]
    .map((locale) => byLocale.get(locale))
    .find((name) => typeof name === 'string' && name !== '');
  return typeof found === 'string' ? found : null;
}
