import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeDatabase } from '../../testing/place-database.ts';
import { OperatorError } from '../errors.ts';
import { openPlaces } from './places.ts';

const PORTO = {
  city: { names: { en: 'Porto', de: 'Porto', 'pt-BR': 'Porto' } },
  country: { iso_code: 'PT', names: { en: 'Portugal', de: 'Portugal', 'pt-BR': 'Portugal' } },
};
const MUNICH = {
  city: { names: { en: 'Munich', de: 'München', es: 'Múnich', 'pt-BR': 'Munique' } },
  country: {
    iso_code: 'DE',
    names: { en: 'Germany', de: 'Deutschland', es: 'Alemania', 'pt-BR': 'Alemanha' },
  },
};

describe('places', () => {
  let directory = '';
  let file = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-places-'));
    file = join(directory, 'places.mmdb');
    writeFileSync(
      file,
      placeDatabase([
        { network: '192.0.2.0', bits: 24, record: PORTO },
        { network: '198.51.100.0', bits: 25, record: MUNICH },
        { network: '203.0.113.0', bits: 24, record: { country: MUNICH.country } },
        { network: '2001:0db8:0001:0000:0000:0000:0000:0000', bits: 48, record: MUNICH },
        {
          network: '2001:0db8:0002:0000:0000:0000:0000:0000',
          bits: 48,
          record: { city: { names: 7 }, x: 'y' },
        },
      ]),
    );
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each([
    ['192.0.2.7', null, 'Porto, Portugal'],
    ['198.51.100.7', null, 'Munich, Germany'],
    ['198.51.100.7', 'de-AT', 'München, Deutschland'],
    ['198.51.100.7', 'es', 'Múnich, Alemania'],
    ['198.51.100.7', 'pt', 'Munique, Alemanha'],
    ['198.51.100.7', 'pt-PT', 'Munique, Alemanha'],
    ['198.51.100.7', 'fr', 'Munich, Germany'],
    ['198.51.100.200', null, null],
    ['203.0.113.9', 'de', 'Deutschland'],
    ['2001:db8:1::9', 'de', 'München, Deutschland'],
    ['2001:db8:2::9', null, null],
    ['2001:db8:9::9', null, null],
    ['127.0.0.1', null, null],
    ['no address', null, null],
    ['', null, null],
  ])('%s, in %s, is %s', async (address, locale, place) => {
    expect((await openPlaces(file, 'en')).of(address, locale)).toBe(place);
  });

  test('are in the fallback’s language for those whose own the data lacks', async () => {
    expect((await openPlaces(file, 'de')).of('198.51.100.7', 'fr')).toBe('München, Deutschland');
  });

  test('without a database are not known', async () => {
    expect((await openPlaces(undefined, 'en')).of('192.0.2.7', null)).toBeNull();
  });

  test('of a file that is none, or not there, stop the start with one line', async () => {
    const broken = join(directory, 'broken.mmdb');
    writeFileSync(broken, 'this is no database');
    await expect(openPlaces(broken, 'en')).rejects.toThrow(OperatorError);
    await expect(openPlaces(join(directory, 'nothing'), 'en')).rejects.toThrow(
      /^geo\.database: cannot read .*nothing/,
    );
  });
});
