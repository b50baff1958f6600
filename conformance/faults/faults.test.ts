import { afterEach, expect, test } from 'vitest';
import { startDrill } from './fault.ts';
import { FAULTS } from './index.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

// Each fault in its short form; `npm run faults` has the long ones.
test.each(FAULTS.map((fault) => [fault.id, fault.name, fault] as const))(
  '%s %s',
  { timeout: 240_000 },
  async (_id, _name, fault) => {
    expect(fault.missing?.() ?? null).toBeNull();
    const { drill, end } = startDrill('short', () => undefined);
    ends.push(end);
    const figures = await fault.run(drill);
    expect(figures.length).toBeGreaterThan(0);
    expect(figures.filter(({ holds }) => !holds)).toEqual([]);
  },
);
