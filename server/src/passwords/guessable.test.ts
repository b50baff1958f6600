import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGuessable } from './guessable.ts';
import { ownWordsOf, type PasswordOwner } from './own-words.ts';

const LIST = new Set([
  'password',
  'dragon',
  '12345678',
  'pass1234',
  'straße'.toUpperCase().toLowerCase(),
  'abc',
]);
const isListed = (text: string) => LIST.has(text);
const guessable = (password: string, words: readonly string[] = []) => isGuessable(password, isListed, words);

describe('a listed password is guessable,', () => {
  test.each([
    ['as it stands', 'password'],
    ['in another case', 'PassWord'],
    ['full width', 'ｐａｓｓｗｏｒｄ'],
    ['in another form', 'STRASSE!'],
    ['with digits behind', 'password2024'],
    ['with a birthday behind', 'Dragon19900517'],
    ['with digits and punctuation around', '!1password!1'],
    ['with digits of its own', 'pass1234!!'],
    ['of digits, with punctuation', '12345678!'],
  ])('%s', (_how, password) => {
    expect(guessable(password)).toBe(true);
  });

  test.each([
    ['with a word beside', 'password otter'],
    ['with more than a few digits', 'dragon198374651'],
    ['of digits, with other digits', '1234567890'],
    ['of three letters in a decoration', 'abc-81726'],
    ['inside out', 'drowssap'],
    ['nothing', '!!!!!!!!'],
  ])('but not %s', (_how, password) => {
    expect(guessable(password)).toBe(false);
  });
});

const owner: PasswordOwner = {
  username: 'ada77',
  email: 'a.lovelace@calculus.example.org',
  user: { name: 'Ada Byron', firstName: 'Ada', lastName: 'Byron' },
  home: { name: 'Meadow University', accountName: 'meadow', settings: null },
  memberships: [
    {
      organisation: {
        name: 'Analytical Engines Ltd.',
        accountName: null,
        settings: { passwordWords: ['Babbage', 7, 'difference engine'] },
      },
    },
  ],
};

describe('a word of the owner’s is guessable:', () => {
  const words = ownWordsOf(owner);

  test.each([
    ['the user name', 'ada77ada77'.slice(0, 5).concat('!2024')],
    ['the user name with other digits', 'ada1990!'],
    ['the e-mail address', 'A.Lovelace@calculus.example.org'],
    ['what stands before the @', 'alovelace1'],
    ['a part of it', 'Lovelace99'],
    ['the domain', 'calculus2024'],
    ['a name', 'byron12345'],
    ['the whole name', 'AdaByron!'],
    ['the whole name in two', 'ada byron 1'],
    ['the home', 'Meadow University'],
    ['a part of its name', 'university1'],
    ['its account', '!!meadow!!'],
    ['an organisation of a membership', 'analytical1'],
    ['a word that an organisation lists', 'babbage1842'],
    ['two words that it lists', 'Difference-Engine'],
  ])('%s', (_what, password) => {
    expect(guessable(password, words)).toBe(true);
    expect(guessable(password)).toBe(false);
  });

  test.each(['ada and her engine', 'lovelace meadow', 'ed1234567', 'byron-198374651'])(
    'but not %s',
    (password) => {
      expect(guessable(password, words)).toBe(false);
    },
  );
});

test('what an owner is called is bounded', () => {
  const passwordWords = Array.from({ length: 5000 }, (_, index) => `word${'x'.repeat(index)}`);
  const words = ownWordsOf({
    ...owner,
    memberships: [
      { organisation: { name: 'x'.repeat(10_000), accountName: null, settings: { passwordWords } } },
    ],
  });
  expect(words.length).toBeLessThanOrEqual(200);
  expect(Math.max(...words.map((word) => word.length))).toBeLessThanOrEqual(128);
});

test('no password takes long to look into', () => {
  const unit = fc.constantFrom('a', '1', '!', 'ﷺ', '\u0301', '1!', 'ß', '😀');
  fc.assert(
    fc.property(fc.array(unit, { minLength: 8, maxLength: 1024 }), (units) => {
      let looked = 0;
      const count = () => {
        looked += 1;
        return false;
      };
      isGuessable(units.join(''), count, []);
      expect(looked).toBeLessThanOrEqual(100);
    }),
  );
});
