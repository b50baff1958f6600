import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = 'docs/security-bar.md';

/** Every id there is, in the order of the page: how many of each kind, and the level of each. */
const LEVELS: readonly (readonly [string, string])[] = [
  ['PW', '1221112'],
  ['EN', '121122'],
  ['TH', '11111112'],
  ['TK', '111111'],
  ['RT', '1121113'],
  ['SE', '1112'],
  ['MF', '111111112'],
  ['DR', '1121'],
  ['RC', '111'],
  ['RV', '111111'],
  ['MT', '111112'],
  ['AD', '12111'],
  ['HT', '1111111'],
  ['IN', '121111'],
  ['SC', '122'],
  ['LG', '122'],
  ['DL', '111'],
  ['OP', '1111222'],
  ['RL', '–'.repeat(16)],
];
const IDS = LEVELS.flatMap(([kind, levels]) =>
  [...levels].map((level, index) => ({ id: `${kind}-${index + 1}`, level })),
);

const STATES = ['shown', 'partly', 'open', 'later'] as const;
const COLUMNS = ['1', '2', '3', '–'] as const;

interface Row {
  readonly id: string;
  readonly level: string;
  readonly asked: string;
  readonly state: string;
  readonly cell: string;
}

/** A test that a row names: its file from the root, and its title, or that of what it stands in. */
interface Evidence {
  readonly id: string;
  readonly file: string;
  readonly title: string;
}

const page = readFileSync(join(ROOT, PAGE), 'utf8');
const rows: readonly Row[] = [
  ...page.matchAll(/^\| ([A-Z]{2}-\d+) \| (\S+) \| (.+?) \| (\w+) \| (.*) \|$/gm),
].map(([, id = '', level = '', asked = '', state = '', cell = '']) => ({ id, level, asked, state, cell }));
const evidence: readonly Evidence[] = rows.flatMap(({ id, cell }) =>
  [...cell.matchAll(/\[`[^`]+`\]\(([^)\s]+)\) “([^”]+)”/g)].map(([, path = '', title = '']) => ({
    id,
    file: normalize(join('docs', path)),
    title,
  })),
);
const testsOf = (row: Row) => evidence.filter(({ id }) => id === row.id);

/** Whether a source calls something with that title first, as `test` and `describe` are called. */
function hasTest(source: string, title: string): boolean {
  const escaped = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`\\(\\s*(['"\`])${escaped}\\1,`).test(source);
}

/** The sources of all tests, by path from the root. */
function testSources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', 'data'].includes(entry.name) || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testSources(path);
    return /\.(test|suite)\.ts$/.test(entry.name) ? [path] : [];
  });
}

describe(PAGE, () => {
  test('has every id once, in order, with its level', () => {
    expect(rows.map(({ id, level }) => ({ id, level }))).toEqual(IDS);
  });

  test('says of each what is shown, and what is not', () => {
    for (const row of rows) {
      expect(STATES, row.id).toContain(row.state);
      const { length } = testsOf(row);
      if (row.state === 'shown')
        expect([length > 0, row.cell.includes('Open: ')], row.id).toEqual([true, false]);
      if (row.state === 'partly')
        expect([length > 0, row.cell.includes('Open: ')], row.id).toEqual([true, true]);
      if (row.state === 'open') expect([length, row.cell.startsWith('Open: ')], row.id).toEqual([0, true]);
      if (row.state === 'later') expect([length, row.cell.startsWith('Later: ')], row.id).toEqual([0, true]);
      expect(row.asked.length, row.id).toBeGreaterThan(20);
    }
  });

  test('names tests that there are', () => {
    const gone = evidence.filter(
      ({ file, title }) =>
        !existsSync(join(ROOT, file)) || !hasTest(readFileSync(join(ROOT, file), 'utf8'), title),
    );
    expect(gone).toEqual([]);
    expect(evidence.length).toBeGreaterThan(200);
    expect(hasTest(readFileSync(fileURLToPath(import.meta.url), 'utf8'), 'names tests that there were')).toBe(
      false,
    );
  });

  test('counts what its rows say', () => {
    const summary = /<!-- summary -->\n([\s\S]*?)<!-- \/summary -->/.exec(page)?.[1] ?? '';
    const counted = STATES.map((state) => {
      const here = rows.filter((row) => row.state === state);
      const counts = COLUMNS.map((column) => here.filter(({ level }) => level === column).length);
      return `| ${[state, ...counts, here.length].join(' | ')} |`;
    });
    expect(summary.trim().split('\n').slice(2)).toEqual(counted);
  });

  test('has every id that a test or the threat model names', () => {
    const kinds = LEVELS.map(([kind]) => kind).join('|');
    const named = [...testSources(''), 'docs/threat-model.md'].flatMap((file) =>
      [...readFileSync(join(ROOT, file), 'utf8').matchAll(new RegExp(`\\b(?:${kinds})-\\d+\\b`, 'g'))].map(
        ([id]) => id,
      ),
    );
    const known = new Set(IDS.map(({ id }) => id));
    expect([...new Set(named)].filter((id) => !known.has(id))).toEqual([]);
    expect(new Set(named).size).toBeGreaterThan(50);
  });
});
