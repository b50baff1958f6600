import Bowser from 'bowser';

/** A browser and its system, as people call them: `Chrome on Windows`. Null when nothing is known of them. */
export function userAgentInWords(userAgent: string | null): string | null {
  if (userAgent === null || userAgent === '') return null;
  const { browser, os } = Bowser.parse(userAgent);
  const names = [browser.name, os.name].filter((name) => name !== undefined && name !== '');
  return names.length > 0 ? names.join(' on ') : null;
}
