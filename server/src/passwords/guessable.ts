import { foldText } from '../accounts/fold.ts';

/** What stands around a word is taken for a decoration up to this many characters: a birthday has eight. */
const DECORATION_LIMIT = 8;

/** The shortest listed word, and the shortest word of the owner's, that is looked for inside a decoration. */
const LISTED_WORD_MINIMUM = 4;
const OWN_WORD_MINIMUM = 3;

/** Longer words are nobody's, and no list has them: a longer password need not be looked into. */
const WORD_LIMIT = 128;

const LETTER = /\p{L}/u;
const WORD_CHARACTER = /[\p{L}\p{M}]/u;
const DIGIT = /\p{N}/u;
const SEPARATORS = /[^\p{L}\p{M}\p{N}]+/gu;

/**
 * Whether a password is among the first that anybody would try: it is on the list, or it is nothing but a word of the list or
 * of its owner with a few digits and punctuation before or behind. Case and compatibility forms make no difference. It says
 * nothing about strength: what is not on a list may be weak all the same (NIST SP 800-63B-4, ASVS 6.2.4, 6.2.11).
 * @param isListed whether the list has a folded text
 * @param ownWords names of the owner and the organisations, as `ownWordsOf` gives them
 */
export function isGuessable(
  password: string,
  isListed: (folded: string) => boolean,
  ownWords: readonly string[],
): boolean {
  const folded = foldText(password);
  if (isListed(folded)) return true;
  const characters = Array.from(folded);
  if (characters.length > WORD_LIMIT + DECORATION_LIMIT) return false;
  const own = new Set(ownWords.map(compactWord).filter((word) => word.length >= OWN_WORD_MINIMUM));
  return undecorated(characters).some(
    ({ word, digits }) => own.has(compactWord(word)) || isListedWord(word, digits, isListed),
  );
}

/** Digits alone are a word only where no digits were taken away: else every number would hold a listed one. */
function isListedWord(word: string, digits: boolean, isListed: (folded: string) => boolean): boolean {
  return word.length >= LISTED_WORD_MINIMUM && (LETTER.test(word) || !digits) && isListed(word);
}

interface Undecorated {
  readonly word: string;
  /** Whether there were digits in what was taken away. */
  readonly digits: boolean;
}

/** What is left when up to a few digits and punctuation characters are taken from both ends, in every way. */
function undecorated(characters: readonly string[]): Undecorated[] {
  const found: Undecorated[] = [];
  const front = decorationLength(characters);
  const back = decorationLength(characters.toReversed());
  for (let before = 0; before <= front; before += 1) {
    for (let behind = 0; behind <= back && before + behind <= DECORATION_LIMIT; behind += 1) {
      const end = characters.length - behind;
      if (before >= end) continue;
      const taken = [...characters.slice(0, before), ...characters.slice(end)];
      found.push({
        word: characters.slice(before, end).join(''),
        digits: taken.some((each) => DIGIT.test(each)),
      });
    }
  }
  return found;
}

function decorationLength(characters: readonly string[]): number {
  const first = characters.findIndex((character) => WORD_CHARACTER.test(character));
  return Math.min(DECORATION_LIMIT, first < 0 ? characters.length : first);
}

/** A word without case and without what stands between its letters and digits. */
function compactWord(word: string): string {
  return foldText(word).replace(SEPARATORS, '');
}
