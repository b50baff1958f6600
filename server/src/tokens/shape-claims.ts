import type { Mount } from '../mount.ts';

type Claims = Readonly<Record<string, unknown>>;

/**
 * A token's own claims as a mount words them: renamed, left out, with other values, and with those that its contract
 * does not put there but the mount asks for.
 * @param own what the contract puts into its tokens
 * @param known what else there is of the principal, by the names that a mount may ask for
 */
export function shapeClaims(mount: Pick<Mount, 'claims'>, own: Claims, known: Claims): Claims {
  const wanted = Object.keys(mount.claims).filter((name) => !Object.hasOwn(own, name));
  const added = wanted.flatMap((name) => (Object.hasOwn(known, name) ? [[name, known[name]] as const] : []));
  const shaped = [...Object.entries(own), ...added].flatMap(([name, value]): [string, unknown][] => {
    if (!Object.hasOwn(mount.claims, name)) return [[name, value]];
    const shape = mount.claims[name];
    return shape ? [[shape.name, reworded(value, shape.values)]] : [];
  });
  return Object.fromEntries(shaped);
}

/** A text, or each text of a list, that has another wording. */
function reworded(value: unknown, values: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((each) => reworded(each, values));
  return typeof value === 'string' && Object.hasOwn(values, value) ? values[value] : value;
}
