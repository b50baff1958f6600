import { defineConfig } from 'vitest/config';

// One test file as it always runs: a mutant is switched on from the beginning, or none.
export default defineConfig({
  test: {
    include: ['server/src/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
    reporters: [],
  },
});
