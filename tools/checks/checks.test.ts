import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { outdatedDocuments } from './generated-docs.ts';
import { houseRules, namingRules } from './house-rules.ts';
import { IMPORT_TABLE, importTable } from './import-table.ts';
import { readEverySource, readSources } from './source-files.ts';
import { unusedExports } from './unused-exports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the sources', () => {
  const sources = readSources(ROOT);

  test('keep to the import table', () => {
    expect(sources.length).toBeGreaterThan(80);
    expect(importTable(sources)).toEqual([]);
  });

  test('keep to the house rules', () => {
    expect(houseRules(sources)).toEqual([]);
  });

  test('have names that say something and comments on what they export, wherever they are', () => {
    const everywhere = readEverySource(ROOT);
    for (const folder of [
      'server/src/',
      'server/testing/',
      'client/src/',
      'verifier/src/',
      'bench/',
      'tools/',
      'conformance/',
    ])
      expect(
        everywhere.some(({ path }) => path.startsWith(folder)),
        folder,
      ).toBe(true);
    expect(namingRules(everywhere)).toEqual([]);
    expect(unusedExports(everywhere)).toEqual([]);
  });

  test('are what the generated documents say', () => {
    expect(outdatedDocuments(ROOT, false)).toEqual([]);
  });

  test('have every line of the import table in use', () => {
    for (const home of Object.keys(IMPORT_TABLE))
      expect(
        sources.some(({ path }) => path === home || path.startsWith(home)),
        home,
      ).toBe(true);
  });
});

describe('the import table finds', () => {
  const found = (path: string, text: string) => importTable([{ path, text }]);

  test.each([
    [
      'contracts/login/contract.ts',
      "import { store } from '../../store/store.ts';",
      'may not import store/store.ts',
    ],
    [
      'contracts/login/contract.ts',
      "import { profile } from '../profile/contract.ts';",
      'a contract may not import contracts/profile/contract.ts',
    ],
    [
      'contracts/login/contract.ts',
      "import { createHash } from 'node:crypto';",
      'a contract may not import node:crypto',
    ],
    [
      'sign-in/step.ts',
      "import { contracts } from '../contracts/index.ts';",
      'may not import contracts/index.ts',
    ],
    ['sign-in/step.ts', "import pg from 'pg';", 'pg is used in store/ only'],
    ['http/route.ts', "import { x } from '../store/store.ts';", 'may not import store/store.ts'],
    ['store/accounts.ts', "import { run } from '../main.ts';", 'may not import main.ts'],
    ['http/x.ts', "const x = await import('../cli/program.ts');", 'may not import cli/program.ts'],
    ['tokens/x.ts', "export type { X } from '../http/server.ts';", 'may not import http/server.ts'],
    ['newcomer/x.ts', '', 'the import table has no line for newcomer/'],
  ])('in %s: %s', (path, text, problem) => {
    expect(found(path, text)).toEqual([`${path}: ${problem}`]);
  });
});

describe('the house rules find', () => {
  const found = (path: string, text: string) => houseRules([{ path, text }]).join();

  test.each([
    ['http/route.ts', 'const sql = `SELECT id FROM accounts`;', 'SQL has no place here'],
    ['http/route.ts', 'const sql = `UPDATE accounts SET x = 1`;', 'SQL has no place here'],
    ['store/x.ts', 'sql: `SELECT * FROM accounts`', 'all columns, without their names, has no place here'],
    ['http/route.ts', 'process.env.HOME', 'the environment has no place here'],
    ['sign-in/x.ts', 'Date.now()', 'the wall clock has no place here'],
    ['crypto/x.ts', 'Math.random()', 'guessable randomness has no place here'],
    ['store/tickets.ts', 'sql: `UPDATE tickets SET consumed_at = $1`', 'spending a ticket has no place here'],
    [
      'store/accounts.ts',
      'sql: `UPDATE accounts SET totp_step = $1`',
      'spending a time step has no place here',
    ],
    ['store/x.ts', 'sql: `UPDATE attempts SET key = 1, failures = 0`', 'counting attempts has no place here'],
    ['sessions/x.ts', 'insertSession(session)', 'minting a session has no place here'],
    ['sign-in/camelCase.ts', '', 'is not a kebab-case name'],
    ['a/b/c/d.ts', '', 'is not a kebab-case name'],
  ])('in %s: %s', (path, text, problem) => {
    expect(found(path, text)).toContain(problem);
  });
});

describe('the naming rules find', () => {
  test.each([
    ['server/src/sign-in/x.ts', 'export function bare() {}', 'bare is exported without a comment'],
    ['client/src/x.ts', '// no doc\nexport const bare = 1;', 'bare is exported without a comment'],
    ['server/src/sign-in/account-util.ts', '', 'has a name that says nothing'],
    ['tools/helpers/x.ts', '', 'has a name that says nothing'],
  ])('in %s: %s', (path, text, problem) => {
    expect(namingRules([{ path, text }]).join()).toContain(`${path}: ${problem}`);
  });

  test('nothing where there is nothing to find', () => {
    expect(
      namingRules([{ path: 'client/src/session.ts', text: '/** It is. */\nexport const x = 1;' }]),
    ).toEqual([]);
  });
});

test('an exported name that no other file imports is found, however others are imported', () => {
  const file = (path: string, ...lines: string[]) => ({ path, text: lines.join('\n') });
  const one = file(
    'server/src/one.ts',
    'export const used = 1;',
    'export function whole() {}',
    'export async function spare() { return used; }',
    'export interface Shape {}',
    'export default class Tool {}',
  );
  const found = (...others: { path: string; text: string }[]) => unusedExports([one, ...others]);
  const unused = (name: string) => `server/src/one.ts: ${name} is exported, and nobody imports it`;
  expect(found()).toEqual(['used', 'whole', 'spare'].map(unused));
  const test = file(
    'server/src/a/one.test.ts',
    "import {\n  type Shape,\n  used,\n} from '../one.ts';",
    'spare();',
  );
  expect(found(test)).toEqual(['whole', 'spare'].map(unused));
  expect(found(test, file('bench/x.ts', "(await import('../server/src/one.ts')).whole();"))).toEqual([
    unused('spare'),
  ]);
  expect(found(test, file('bench/x.ts', "import { spare, whole } from './one.ts';"))).toHaveLength(2);
  expect(unusedExports([file('client/src/index.ts', 'export const given = 1;')])).toEqual([]);
});
