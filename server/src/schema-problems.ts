import type { TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Errors } from 'typebox/value';

// By itself it ends after eight: what comes later would pass for sound.
Settings.Set({ maxErrors: Number.POSITIVE_INFINITY });

/** The form of an id, here and wherever else the same pattern stands. */
export const UUID_PATTERN = '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';

/** The form of a time. */
export const TIME_PATTERN = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$';

/** Forms that have a name, which says more than the pattern does. */
const FORMS: ReadonlyMap<unknown, string> = new Map([
  [UUID_PATTERN, 'a UUID'],
  [TIME_PATTERN, 'a time such as 2024-05-01T10:00:00.000Z'],
]);

type SchemaError = ReturnType<typeof Errors>[number];

/** One mistake in a value, and where: `mounts[0].prefix`. */
export interface SchemaProblem {
  readonly path: string;
  readonly message: string;
}

/** What is wrong with a value, in words for the person who wrote it: all of it. Empty when nothing is. */
export function schemaProblems(schema: TSchema, value: unknown): SchemaProblem[] {
  const problems = new Map<string, SchemaProblem>();
  const errors = Errors(schema, value);
  const places = placesAbove(errors);
  for (const error of errors) {
    // A key that is not known is reported at its own path, and once more at its parent's.
    if (error.keyword === 'additionalProperties') continue;
    // A value that could have been null is not wrong for being there when something in it is.
    if ((error.keyword === 'type' || error.keyword === 'anyOf') && places.has(error.instancePath)) continue;
    const path = readablePath(error.instancePath);
    // A value that fits no branch of a union fails in each: the first says enough.
    if (!problems.has(path)) problems.set(path, { path, message: messageOf(error) });
  }
  return [...problems.values()];
}

/** Every place that something is wrong below. */
function placesAbove(errors: readonly SchemaError[]): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { instancePath } of errors) {
    for (let path = parentOf(instancePath); path !== null && !places.has(path); path = parentOf(path))
      places.add(path);
  }
  return places;
}

function parentOf(instancePath: string): string | null {
  return instancePath === '' ? null : instancePath.slice(0, instancePath.lastIndexOf('/'));
}

function messageOf(error: SchemaError): string {
  if (error.keyword === 'boolean') return 'is not a known key';
  if (error.keyword === 'enum') return `must be one of ${error.params.allowedValues.join(', ')}`;
  const form = error.keyword === 'pattern' ? FORMS.get(error.params.pattern) : undefined;
  return form === undefined ? error.message : `must be ${form}`;
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
