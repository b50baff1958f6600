import { type TSchema, Type } from 'typebox';
import { schemaProblems } from '../schema-problems.ts';
import type { DirectoryLine } from './line.ts';

const orNull = <Schema extends TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]));

/** The members of an organisation's settings that are looked at, as they have to be to say something. */
const HEEDED = Type.Object({
  mfaForStudents: orNull(Type.Boolean()),
  mfaForTeachers: orNull(Type.Boolean()),
  requireSecondFactorFor: orNull(Type.Array(Type.String())),
  allowEmailPin: orNull(Type.Boolean()),
  maxFailedSignInAttempts: orNull(Type.Integer({ minimum: 1 })),
  passwordWords: orNull(Type.Array(Type.String())),
});

/**
 * The members of an organisation's settings that are kept and say nothing, as they are of another type than they should have:
 * a rule that was meant, and binds nobody.
 * @returns their names, such as `settings.mfaForStudents`
 */
export function unheededSettings(line: DirectoryLine): string[] {
  if (line.kind !== 'organisation' || line.settings == null) return [];
  const members = schemaProblems(HEEDED, line.settings).map(({ path }) => path.replace(/[.[].*/, ''));
  return [...new Set(members)].map((member) => `settings.${member}`);
}
