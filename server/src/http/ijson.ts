/** How deep arrays and objects may be nested. */
const DEPTH_LIMIT = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads I-JSON (RFC 7493): UTF-8 without a byte order mark, no lone surrogate, no member twice in one object, and not
 * nested deeper than 32 levels.
 * @returns the value, or undefined for anything that is not that
 */
export function readIJson(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (!hasPlainStructure(text)) return undefined;
    return /\\u[dD][89a-fA-F]/.test(text) && !isWellFormed(value) ? undefined : { value };
  } catch {
    return undefined;
  }
}

/**
 * Whether no object has a member twice and nothing is nested too deep. The text is known to be JSON, so a string that a
 * colon follows is a member's name.
 */
function hasPlainStructure(text: string): boolean {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{' || character === '[') {
      if (open.push(new Set()) > DEPTH_LIMIT) return false;
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = endOfString(text, at);
      if (isColonNext(text, end + 1)) {
        const name = JSON.parse(text.slice(at, end + 1)) as string;
        const names = open.at(-1);
        if (names?.has(name)) return false;
        names?.add(name);
      }
      at = end;
    }
  }
  return true;
}

/** The index of the quote that ends the string which begins at the given one. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function isColonNext(text: string, start: number): boolean {
  let at = start;
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at += 1;
  return text[at] === ':';
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member));
}
