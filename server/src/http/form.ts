/**
 * Reads `application/x-www-form-urlencoded`, strictly: UTF-8, no field twice, no broken escape.
 * @returns the fields, or undefined for anything that is not that
 */
export function readForm(
  bytes: Uint8Array,
): { readonly value: Readonly<Record<string, string>> } | undefined {
  const fields = new Map<string, string>();
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    for (const pair of text.split('&')) {
      if (pair === '') continue;
      const equals = pair.indexOf('=');
      const name = decode(equals < 0 ? pair : pair.slice(0, equals));
      if (fields.has(name)) return undefined;
      fields.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)));
    }
  } catch {
    return undefined;
  }
  return { value: Object.fromEntries(fields) };
}

/** @throws URIError for an escape that is broken or no UTF-8 */
function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
