import { Type } from 'typebox';

/**
 * A text of so many characters, as a sign-up may have stored it: its code points were counted as they were typed, or in
 * Unicode's NFC. What either way is short enough is taken, so that an export never holds what an import refuses.
 */
export function StoredText({ least = 0, most }: { readonly least?: number; readonly most: number }) {
  return Type.Refine(
    Type.String({ minLength: least }),
    (text: string) => isWithin(text, most),
    () => `must not have more than ${most} characters`,
  );
}

function isWithin(text: string, most: number): boolean {
  return text.length <= most || hasAtMost(text, most) || hasAtMost(text.normalize('NFC'), most);
}

function hasAtMost(text: string, most: number): boolean {
  let length = 0;
  for (const _ of text) {
    length += 1;
    if (length > most) return false;
  }
  return true;
}
