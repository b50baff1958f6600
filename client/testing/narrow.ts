/** A result of the kind that a test expects; anything else is a failure that shows what came. */
export function expectKind<Result extends { readonly kind: string }, Kind extends Result['kind']>(
  result: Result,
  kind: Kind,
): Extract<Result, { readonly kind: Kind }> {
  if (result.kind !== kind) throw new Error(`expected ${kind}, got ${JSON.stringify(result)}`);
  return result as Extract<Result, { readonly kind: Kind }>;
}
