import Bowser from 'bowser';

/** What apps and libraries call themselves: the first product (RFC 9110 §10.1.5), which in browsers is a relic. */
const PRODUCT = /^(?!Mozilla\/|Opera\/|Dalvik\/)([A-Za-z][\w.-]{0,63})\/\d/;

/** A browser or app and its system, as people call them: `Chrome on Windows`. Null when nothing is known of them. */
export function userAgentInWords(userAgent: string | null): string | null {
  if (userAgent === null || userAgent === '') return null;
  const { browser, os } = Bowser.parse(userAgent);
  const names = [PRODUCT.exec(userAgent)?.[1] ?? browser.name, os.name].filter(
    (name) => name !== undefined && name !== '',
  );
  return names.length > 0 ? names.join(' on ') : null;
}
