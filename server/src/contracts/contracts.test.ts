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
