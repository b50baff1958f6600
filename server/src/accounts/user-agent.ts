import Bowser from 'bowser';

/** Browsers send the same few texts over and over: as many answers are kept. */
const REMEMBERED = 500;
const known = new Map<string, string | null>();

/** Longer ones are cut: no browser sends as much, and the parser tries many patterns on all of it. */
const LENGTH = 512;

/** What apps and libraries call themselves: the first product (RFC 9110 §10.1.5), which in browsers is a relic. */
const PRODUCT = /^(?!Mozilla\/|Opera\/|Dalvik\/)([A-Za-z][\w.-]{0,63})\/\d/;

/** A browser or app and its system, as people call them: `Chrome on Windows`. Null when nothing is known of them. */
export function userAgentInWords(userAgent: string | null): string | null {
  if (userAgent === null || userAgent === '') return null;
  const text = userAgent.slice(0, LENGTH);
  const before = known.get(text);
  if (before !== undefined) return before;
  const { browser, os } = Bowser.parse(text);
  const names = [PRODUCT.exec(text)?.[1] ?? browser.name, os.name].filter(
    (name) => name !== undefined && name !== '',
  );
  const words = names.length > 0 ? names.join(' on ') : null;
  if (known.size >= REMEMBERED) known.clear();
  known.set(text, words);
  return words;
}
