/**
 * A text as it compares without regard to case and to compatibility forms: NFKC, case folded by way of upper case, which is
 * what joins ß and ẞ with ss, and the dotless ı with i.
 */
export function foldText(text: string): string {
  return text.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}
