import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';

/** One mistake in a value, and where: `mounts[0].prefix`. */
export interface SchemaProblem {
  readonly path: string;
  readonly message: string;
}

/** What is wrong with a value, in words for the person who wrote it. Empty when nothing is. */
export function schemaProblems(schema: TSchema, value: unknown): SchemaProblem[] {
  const problems = new Map<string, SchemaProblem>();
  for (const error of Errors(schema, value)) {
    // A key that is not known is reported at its own path, and once more at its parent's.
    if (error.keyword === 'additionalProperties') continue;
    const path = readablePath(error.instancePath);
    const message = error.keyword === 'boolean' ? 'is not a known key' : error.message;
    // A value that fits no branch of a union fails in each: the first says enough.
    if (!problems.has(path)) problems.set(path, { path, message });
  }
  return [...problems.values()];
}

function readablePath(instancePath: string): string {
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(
      (path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`),
      '',
    );
}
