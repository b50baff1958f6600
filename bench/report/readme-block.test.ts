import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fileOfRows, withEssentialRows } from './readme-block.ts';
import type { Results } from './results.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

test('the README’s figures are those of the results that it names; without results it has none', () => {
  const page = readFileSync(path('../../README.md'), 'utf8');
  const file = fileOfRows(page);
  if (file === null) {
    expect(page).toContain('<!-- bench -->\n<!-- /bench -->');
    return;
  }
  const results = JSON.parse(readFileSync(path(`../results/${file}`), 'utf8')) as Results;
  expect(withEssentialRows(page, results, file), 'run: npm run bench -- --readme').toBe(page);
});
