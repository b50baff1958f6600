import type { KeptValues } from './kept-values.ts';
import type { Part, Recipe } from './recipe.ts';

/** A request as it goes over the wire. */
export interface FuzzRequest {
  readonly route: string;
  readonly method: string;
  readonly bytes: Buffer;
  /** Whose it is, by number. */
  readonly person: number;
}

/** Fills a recipe in with what is known by now. */
export function requestOf(recipe: Recipe, person: number, kept: KeptValues): FuzzRequest {
  const json = ({ name, value }: Part) => {
    if (value.kind === 'raw') return value.json;
    const { kind, pick } = value;
    const known = kind === 'kept' ? kept.any(person, pick) : kept.sensible(person, recipe.route, name, pick);
    return JSON.stringify(known ?? `something ${pick}`);
  };
  const text = (part: Part) => textOf(json(part));
  const path = recipe.places.reduce(
    (so, part) =>
      so.replace(`:${part.name}`, () => encodeURIComponent(text(part).toWellFormed()).slice(0, 3000)),
    recipe.path,
  );
  const body = bodyOf(recipe, json, text);
  const lines = [
    `${recipe.method} ${path}${recipe.query} HTTP/1.1`,
    'Host: fuzz',
    ...recipe.headers.map((part) => `${part.name}: ${headerText(text(part))}`),
    ...bearerLine(recipe, person, kept),
    ...(recipe.forwardedFor === null ? [] : [`X-Forwarded-For: ${recipe.forwardedFor}`]),
    ...(body === null ? [] : [`Content-Length: ${body.length}`, `Content-Type: ${recipe.type}`]),
    '',
    '',
  ];
  const head = Buffer.from(lines.join('\r\n'), 'latin1');
  return {
    route: recipe.route,
    method: recipe.method,
    person,
    bytes: body === null ? head : Buffer.concat([head, body]),
  };
}

function bearerLine({ bearer }: Recipe, person: number, kept: KeptValues): string[] {
  if (bearer === null) return [];
  if (bearer.kind === 'raw') return [`Authorization: ${headerText(textOf(bearer.json))}`];
  const token = bearer.kind === 'kept' ? kept.any(person, bearer.pick) : kept.bearer(person, bearer.pick);
  return [`Authorization: Bearer ${headerText(token ?? 'nothing-yet')}`];
}

/** What may stand in a header's value: everything else is tried by bytes of their own. */
function headerText(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '.').slice(0, 6000);
}

function bodyOf(recipe: Recipe, json: (part: Part) => string, text: (part: Part) => string): Buffer | null {
  if (recipe.wholeBody !== null) return Buffer.from(recipe.wholeBody);
  if (recipe.members === null) return null;
  if (recipe.type.includes('form'))
    return Buffer.from(
      recipe.members
        .map(
          (part) =>
            `${encodeURIComponent(part.name.toWellFormed())}=${encodeURIComponent(text(part).toWellFormed())}`,
        )
        .join('&'),
    );
  return Buffer.from(nested(recipe.members, 0, json));
}

/** The members as JSON text, those that stand inside another gathered in it. A name that comes twice is written twice. */
function nested(parts: readonly Part[], depth: number, json: (part: Part) => string): string {
  const inner = new Map<string, Part[]>();
  const written: string[] = [];
  for (const part of parts) {
    const name = part.path[depth] ?? '';
    if (part.path.length === depth + 1) written.push(`${JSON.stringify(name)}:${json(part)}`);
    else inner.set(name, [...(inner.get(name) ?? []), part]);
  }
  for (const [name, within] of inner)
    written.push(`${JSON.stringify(name)}:${nested(within, depth + 1, json)}`);
  return `{${written.join(',')}}`;
}

function textOf(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : json;
  } catch {
    return json;
  }
}
