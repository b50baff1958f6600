import { expect, test } from 'vitest';
import { ROUTES } from '../../server/testing/routes.ts';
import { fuzz } from './fuzz-run.ts';

const REQUESTS = 15_000;
/** What no machine is slow enough for: a regular expression or a loop that runs away. */
const STALL_MILLISECONDS = 2000;

test('IN-6: generated requests over every route find no 5xx, no restart and no stall', {
  timeout: 300_000,
}, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const result = await fuzz({
    requests: REQUESTS,
    minutes: 4,
    seed,
    storeUrl: null,
    onProgress: () => undefined,
  });
  expect({ seed, findings: result.findings, errors: result.errors }).toEqual({
    seed,
    findings: [],
    errors: [],
  });
  expect(result.sent).toBeGreaterThanOrEqual(REQUESTS);
  expect(result.health.restarts).toBe(0);
  expect(result.health.residentMib).toBeGreaterThan(0);
  expect(result.health.longestStallMilliseconds).toBeLessThan(STALL_MILLISECONDS);
  // It reached them all, and what is behind them: a fuzzer that is refused at every door shows nothing.
  for (const { name } of ROUTES) expect([...(result.answers.get(name)?.keys() ?? [])], name).not.toEqual([]);
  const count = (isOne: (status: number) => boolean) =>
    [...result.answers.values()]
      .flatMap((statuses) => [...statuses])
      .reduce((so, [status, times]) => so + (isOne(status) ? times : 0), 0);
  expect(count((status) => status >= 200 && status < 300)).toBeGreaterThan(REQUESTS / 50);
  expect(count((status) => status >= 400)).toBeGreaterThan(REQUESTS / 5);
});
