import { type Endpoint, type Field, type Reply, readText, type WireRequest } from '../contract.ts';

/** A failure in this contract's shape. */
export function failure(status: number, message: string): Reply {
  return { status, body: { status_code: status, message } };
}

const PROBLEMS: Readonly<Record<Exclude<Field['state'], 'text'>, string>> = {
  missing: 'is required.',
  'wrong-type': 'must be a string.',
  malformed: 'is invalid.',
};

/** What is wrong with the members of a body, by their names. */
export type Problems = Record<string, string[]>;

/** The answer to members that are missing or wrong. */
export function unprocessable(errors: Problems): Reply {
  return { status: 422, body: { message: '422 Unprocessable Entity', errors, status_code: 422 } };
}

/** The named members as texts, each up to so many code points; what is wrong with them is added to the problems. */
export function readTexts<Name extends string>(
  request: WireRequest,
  limits: Readonly<Record<Name, number>>,
  problems: Problems,
): Record<Name, string> {
  const values = {} as Record<Name, string>;
  for (const name of Object.keys(limits) as Name[]) {
    const field = readText(request.body, name, { max: limits[name] });
    if (field.state !== 'text') problems[name] = [`The ${name} ${PROBLEMS[field.state]}`];
    values[name] = field.state === 'text' ? field.value : '';
  }
  return values;
}

/** Whether nothing is wrong. */
export function isEmpty(problems: Problems): boolean {
  return Object.keys(problems).length === 0;
}

/** An endpoint of this contract: each takes JSON and forms. */
export const post = (
  path: string,
  summary: string,
  describe: Endpoint['describe'],
  decode: Endpoint['decode'],
): Endpoint => ({
  method: 'POST',
  path,
  summary,
  accepts: ['json', 'form'],
  describe,
  decode,
});
