import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { contractSuite } from './contract.suite.ts';
import { contracts, nativeContract } from './index.ts';

describe.each([...contracts, nativeContract])('the codec of $name', (contract) => {
  contractSuite(contract, new URL(`./${contract.name}/`, import.meta.url));
});

test('every contract has a name and a folder of its own', () => {
  const names = [...contracts, nativeContract].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

/** Each property in the table of what a page says that its contract declares, with its value. */
function declaredIn(page: string): Record<string, unknown> {
  const words: Readonly<Record<string, unknown>> = { yes: true, on: true, no: false, off: false };
  const rows = page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| `?([\w-]+)`? \|/gm);
  const all = [...rows].flatMap(([, names = '', value = '']) =>
    [...names.matchAll(/\w+/g)].map(([name]) => [name, words[value] ?? value] as const),
  );
  return Object.fromEntries(all);
}

test.each([...contracts, nativeContract])('the page of $name has what it declares', (contract) => {
  const text = readFileSync(new URL(`./${contract.name}/README.md`, import.meta.url), 'utf8');
  const table = /^## What it declares\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(text)?.[1] ?? '';
  const properties = Object.entries({ ...contract, ...contract.defaults });
  const declared = properties.filter(
    ([name, value]) => typeof value === 'boolean' && (contract !== nativeContract || name in contract),
  );
  expect(declaredIn(table)).toEqual({ ...Object.fromEntries(declared), ticketForm: contract.ticketForm });
});
