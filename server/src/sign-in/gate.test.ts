import { describe, expect, test, vi } from 'vitest';
import { frozenClock } from '../../testing/ports.ts';
import { loadConfiguration } from '../config.ts';
import { type Counted, type SharedCount, Windows, type WindowsOptions } from '../limits/windows.ts';
import type { Mount } from '../mount.ts';
import { type Outcome, refused } from './attempt.ts';
import type { Attempt } from './corridor.ts';
import { countAsking, countFailure, mustWait, throughGate, wideWindows } from './gate.ts';

const REFUSAL_MILLISECONDS = 400;
const HOUR_MILLISECONDS = 3_600_000;
const ORGANISATION = '00000000-0000-4000-8000-000000000001';
const DONE: Outcome = { kind: 'done' };
const DECLINED: Outcome = { kind: 'declined', reason: 'identifier-taken' };
const THROTTLED = { kind: 'throttled', retryAfterSeconds: expect.any(Number) };

const [mount, campus] = loadConfiguration({
  environment: {
    LATCHKEY_MOUNTS: JSON.stringify([
      { contract: 'login' },
      { contract: 'login', prefix: '/campus', organisation: ORGANISATION },
    ]),
  },
}).mounts as [Mount, Mount];

/** What the gate works with: one failure each may have, and a clock that stands still. */
function gate(options: Partial<WindowsOptions> = {}) {
  const one = { count: 1, seconds: 600 };
  const limits = { address: one, asking: one, organisation: one, everybody: one, context: one };
  const { signIn, challenge } = loadConfiguration({ environment: {} });
  const rest = { graceSeconds: 0, sessionMaxSeconds: 60, forgetDeviceSeconds: 60 };
  return {
    clock: frozenClock(),
    windows: new Windows({ limits, shared: null, ...options }),
    limits: { ...signIn, ...challenge, ...rest, refusalMilliseconds: REFUSAL_MILLISECONDS },
  };
}

function from(address: string, arrivedAt = 0): Attempt {
  const caller = { mount: mount.name, address, userAgent: null, requestId: 'a request', arrivedAt };
  return { mount, caller };
}

describe('what is said at the gate', () => {
  test.each<[string, Outcome, number, { ago?: number; unequal?: Outcome['kind'][] }]>([
    ['a refusal', refused('bad-credentials'), REFUSAL_MILLISECONDS, {}],
    ['a refusal that took some time', refused('bad-credentials'), 100, { ago: 300 }],
    ['a refusal that took longer than that', refused('bad-credentials'), 0, { ago: 401 }],
    [
      'a refusal for which the clock was set back',
      refused('bad-credentials'),
      REFUSAL_MILLISECONDS,
      { ago: -HOUR_MILLISECONDS },
    ],
    ['a limit that the work meets', { kind: 'throttled', retryAfterSeconds: 3 }, REFUSAL_MILLISECONDS, {}],
    ['what could tell by its time', DECLINED, REFUSAL_MILLISECONDS, { unequal: ['declined'] }],
    ['what others hold back', DECLINED, 0, {}],
    ['what is right', DONE, 0, { unequal: ['declined'] }],
  ])('%s is held back until every refusal is due', async (_, outcome, milliseconds, how) => {
    const corridor = gate();
    const attempt = from('192.0.2.1', corridor.clock.now() - (how.ago ?? 0));
    const said = vi.fn<(outcome: Outcome) => void>();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const through = throughGate(corridor, attempt, async () => outcome, how.unequal).then(said);
      await vi.advanceTimersByTimeAsync(Math.max(0, milliseconds - 1));
      expect(said).toHaveBeenCalledTimes(milliseconds > 0 ? 0 : 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(said).toHaveBeenCalledExactlyOnceWith(outcome);
      await through;
    } finally {
      vi.useRealTimers();
    }
  });

  test.each([0, 1, 399])(
    'a refusal is due at the same time when it took %i ms, since that is set before',
    async (took) => {
      const corridor = gate();
      const said = vi.fn<(outcome: Outcome) => void>();
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const work = () =>
          new Promise<Outcome>((resolve) => setTimeout(() => resolve(refused('bad-credentials')), took));
        const through = throughGate(corridor, from('192.0.2.1', corridor.clock.now()), work).then(said);
        await vi.advanceTimersByTimeAsync(REFUSAL_MILLISECONDS - 1);
        expect(said).not.toHaveBeenCalled();
        await vi.advanceTimersByTimeAsync(1);
        expect(said).toHaveBeenCalledOnce();
        await through;
      } finally {
        vi.useRealTimers();
      }
    },
  );

  test.each<[string, () => Promise<Outcome>]>([
    ['what is right', async () => DONE],
    ['a fault', () => Promise.reject(new Error('the store is away'))],
  ])('%s leaves no timer behind', async (_, work) => {
    const corridor = gate();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await throughGate(corridor, from('192.0.2.1', corridor.clock.now()), work).catch(() => null);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('an address that failed too often must wait, and nothing is looked at', async () => {
    const corridor = gate();
    const [spelt, same, other] = [from('::ffff:192.0.2.1'), from('192.0.2.1'), from('192.0.2.2')];
    const work = vi.fn(async () => DONE);
    expect(await countFailure(corridor, spelt)).toBeNull();
    for (const whoAsks of ['the-gate', 'the-work'] as const)
      expect(await throughGate(corridor, same, work, [], whoAsks)).toEqual({
        kind: 'throttled',
        retryAfterSeconds: 600,
      });
    expect(work).not.toHaveBeenCalled();
    expect(await throughGate(corridor, other, work)).toEqual(DONE);
  });

  test('the other servers are asked before the work, or by it', async () => {
    const full = { failures: 1, milliseconds: 1000 };
    const asked: Counted[] = [];
    const shared: SharedCount = {
      async get(counted) {
        asked.push(counted);
        return full;
      },
      add: async () => full,
    };
    const corridor = gate({ shared });
    const work = async () => DONE;
    expect(await throughGate(corridor, from('192.0.2.1'), work, [], 'the-work')).toEqual(DONE);
    expect(asked).toEqual([]);
    expect(await throughGate(corridor, from('192.0.2.1'), work)).toEqual(THROTTLED);
    expect(asked).toEqual([{ window: 'address', key: '192.0.2.1' }]);
  });
});

describe('what is counted of whoever is calling', () => {
  const also: Counted[] = [{ window: 'context', key: 'a context' }];

  test('a failure is, for the address and what it concerns beside: one more than may be is told nothing', async () => {
    const corridor = gate();
    expect(await countFailure(corridor, from('192.0.2.1'), also)).toBeNull();
    expect(await mustWait(corridor, from('192.0.2.1'))).toEqual(THROTTLED);
    expect(await mustWait(corridor, from('192.0.2.2'))).toBeNull();
    expect(await mustWait(corridor, from('192.0.2.2'), also)).toEqual(THROTTLED);
    expect(await countFailure(corridor, from('192.0.2.1'))).toEqual(THROTTLED);
    expect(await countFailure(corridor, from('192.0.2.2'))).toBeNull();
  });

  test('what anybody may ask for is, apart from failures', async () => {
    const corridor = gate();
    expect(await countAsking(corridor, from('192.0.2.1'))).toBeNull();
    expect(await countAsking(corridor, from('::ffff:192.0.2.1'))).toEqual(THROTTLED);
    expect(await countAsking(corridor, from('192.0.2.2'))).toBeNull();
    expect(await mustWait(corridor, from('192.0.2.1'))).toBeNull();
  });

  test('guesses from many addresses are for everybody, and for the organisation whose door it is', () => {
    const attempt = from('192.0.2.1');
    const everybody = { window: 'everybody', key: 'all' };
    expect(wideWindows(attempt)).toEqual([everybody]);
    expect(wideWindows({ ...attempt, mount: campus })).toEqual([
      everybody,
      { window: 'organisation', key: ORGANISATION },
    ]);
  });
});
