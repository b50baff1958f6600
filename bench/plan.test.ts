import { expect, test } from 'vitest';
import { FULL, hasRoom, QUICK } from './plan.ts';

test.each([
  { connections: 64, seconds: 5, perSecond: 30, isMeasured: true },
  { connections: 256, seconds: 8, perSecond: 30, isMeasured: false },
  { connections: 256, seconds: 8, perSecond: 84, isMeasured: true },
  { connections: 64, seconds: 2, perSecond: 64, isMeasured: true },
  { connections: 64, seconds: 2, perSecond: 63, isMeasured: false },
  { connections: 8, seconds: 2, perSecond: 0, isMeasured: false },
])(
  '$connections connections in $seconds s at $perSecond/s: $isMeasured',
  ({ perSecond, isMeasured, ...window }) => {
    expect(hasRoom(window, perSecond)).toBe(isMeasured);
  },
);

test.each([QUICK, FULL])(
  'a $kind run has room for many waves of what hashes as Latchkey does',
  ({ signIns }) => {
    for (const window of signIns) expect(window.seconds / (window.connections / 150)).toBeGreaterThan(4);
  },
);
