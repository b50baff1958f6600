import { expect, test } from 'vitest';
import { apiTypes } from '../../tools/checks/api-types.ts';

/** The types of one operation that answers with a schema. */
function typesOf(schema: object): string {
  const content = { 'application/json': { schema } };
  const operation = {
    tags: [],
    operationId: 'x',
    summary: 'Does it',
    requestBody: { content },
    responses: { 200: { description: '', content }, 204: { description: '' }, '4XX': { description: '' } },
  };
  return apiTypes({ paths: { '/x/{id}': { get: operation } } }).replaceAll(/\s+/g, ' ');
}

test.each([
  [{ type: 'string' }, 'string'],
  [{ type: 'integer' }, 'number'],
  [{}, 'unknown'],
  [{ const: 200 }, '200'],
  [{ enum: ['a', 1] }, '"a" | 1'],
  [{ anyOf: [{ type: 'string' }, { type: 'null' }, { type: 'string' }] }, 'string | null'],
  [{ type: 'array', items: { anyOf: [{ const: 1 }, { const: 2 }] } }, 'readonly (1 | 2)[]'],
  [{ type: 'array', items: [{ type: 'string' }, { type: 'boolean' }] }, 'readonly [string, boolean]'],
  [{ type: 'object', patternProperties: { '^.*$': {} } }, 'Readonly<Record<string, unknown>>'],
  [
    { type: 'object', required: ['a'], properties: { a: { type: 'string' }, b: { type: 'number' } } },
    '{ readonly "a": string; readonly "b"?: number; }',
  ],
])('%j becomes %s', (schema, type) => {
  const types = typesOf(schema);
  expect(types).toContain(`"GET /x/{id}": { readonly request: ${type}; readonly reply: ${type} | null };`);
  expect(types).toContain('/** Does it */');
});

test('a keyword that is not known stops it', () => {
  expect(() => typesOf({ type: 'array', contains: {} })).toThrow('contains');
});
