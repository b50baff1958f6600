import { defineConfig } from 'vitest/config';

// One test file, with the runner that switches mutants on. No PostgreSQL, and no program that was built: see `tests.ts`.
export default defineConfig({
  test: {
    include: ['server/src/**/*.test.ts'],
    runner: './tools/mutation/mutant-runner.ts',
    // The runner tries many mutants in what is one test to vitest.
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    reporters: [],
  },
});
