/** A language and what it falls back to, `pt-BR` and `pt`; nothing for what is no BCP 47 tag. */
export function localesOf(tag: string): readonly string[] {
  let canonical: string | undefined;
  try {
    [canonical] = Intl.getCanonicalLocales(tag.replaceAll('_', '-'));
  } catch {
    return [];
  }
  const parts = canonical?.split('-') ?? [];
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('-'));
}
