import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { loadDirectory, openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { frozenClock } from '../../testing/ports.ts';
import { corridorOn, freshAttempt } from '../../testing/single-step.ts';
import { resourceSessionId } from '../accounts/resource-code.ts';
import { type WindowName, Windows } from '../limits/windows.ts';
import { createAccessTokens } from '../tokens/access-token.ts';
import { KeyRing } from '../tokens/key-ring.ts';
import { createRefreshTokens } from '../tokens/refresh-token.ts';
import { refused } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { beginWithResourceCode } from './resource-code.ts';

/** How long is the windows' own: they go by the machine's time. */
const THROTTLED = { kind: 'throttled', retryAfterSeconds: expect.any(Number) };

describe.each(ENGINES)('a resource code, on %s', (engine) => {
  let core: TestCore;
  let keyRing: KeyRing;
  let parts: Partial<Corridor>;
  let corridor: Corridor;
  beforeAll(async () => {
    core = await openTestCore(engine, {}, frozenClock());
    const { clock, random, vault } = core;
    const { mounts } = core.config;
    keyRing = new KeyRing({ ...core, algorithms: ['ES256'], publishSeconds: 1, longestTokenSeconds: 1 });
    await keyRing.start(() => undefined);
    const publicUrl = () => 'https://id.example.com';
    parts = {
      accessTokens: createAccessTokens({ keyRing, mounts, publicUrl, clock, random }),
      refreshTokens: createRefreshTokens(vault, clock),
    };
    corridor = corridorOn(core, parts);
  });
  afterAll(async () => {
    keyRing.stop();
    await core.close();
  });

  /** A corridor in which one window holds so many failures. */
  function narrow(window: WindowName, count: number): Corridor {
    const wide = { count: 1000, seconds: 60 };
    const limits = { address: wide, asking: wide, organisation: wide, everybody: wide, context: wide };
    return corridorOn(core, {
      ...parts,
      windows: new Windows({ limits: { ...limits, [window]: { ...wide, count } }, shared: null }),
    });
  }
  /** A code of a context that no other has. @param fields as of a line of the directory */
  async function newCode(fields: object = {}): Promise<{ context: string; code: string }> {
    const named = { context: `context ${nextNumber()}`, code: `CODE ${nextNumber()}` };
    await loadDirectory(core, [{ kind: 'resource', ...named, maxUses: 1, ...fields }]);
    return named;
  }
  const attempt = (parts: Partial<Attempt> = {}) => freshAttempt(core, 'credential-type', parts);
  const begin = ({ context, code }: { context: string; code: string }, using = corridor, from = attempt()) =>
    beginWithResourceCode(using, from, { kind: 'resource-code', resource: `door::${code}`, context, code });

  test('begins a session of its resource, which spends a use of it', async () => {
    const code = await newCode();
    const resource = `door::${code.code}`;
    const outcome = await begin(code);
    expect(outcome).toMatchObject({ kind: 'signed-in', principal: { kind: 'resource', resource } });
    if (outcome.kind !== 'signed-in') return;
    const { payload } = readJwt(outcome.tokens.accessToken);
    expect(payload.sub).toBe(`resource:${resource}`);
    expect((await core.store.principals.bySession(String(payload.sid)))?.session).toMatchObject({
      principal: { kind: 'resource', id: resourceSessionId(core.vault, resource) },
      accountId: null,
      membership: null,
      methods: ['code'],
    });
    expect(await begin(code)).toMatchObject(refused('bad-credentials'));
  });

  test('that ends soon ends its tokens with it', async () => {
    const expiresAt = core.clock.now() + 5000;
    const outcome = await begin(await newCode({ expiresAt: new Date(expiresAt).toISOString() }));
    if (outcome.kind !== 'signed-in') throw new Error(`not signed in: ${outcome.kind}`);
    expect(readJwt(outcome.tokens.accessToken).payload.exp).toBe(expiresAt / 1000);
  });

  test('that is wrong is refused, and its context written down, not the code', async () => {
    const { context } = await newCode();
    const events = await eventsDuring(core, async () =>
      expect(await begin({ context, code: 'ANOTHER' })).toMatchObject(refused('bad-credentials')),
    );
    expect(events).toMatchObject([
      { event: 'sign-in.refused', reason: 'resource-code-refused', accountId: null, detail: { context } },
    ]);
    expect(JSON.stringify(events)).not.toContain('ANOTHER');
  });

  test.each(['context', 'everybody', 'address'] as const)(
    'must wait, right or wrong, where too many were wrong: by %s',
    async (window) => {
      const using = narrow(window, 2);
      const code = await newCode();
      const wrong = { ...code, code: 'ANOTHER' };
      const from = attempt();
      for (let each = 0; each < 2; each += 1)
        expect(await begin(wrong, using, from)).toMatchObject(refused('bad-credentials'));
      const events = await eventsDuring(core, async () => {
        for (const shown of [wrong, code]) expect(await begin(shown, using, from)).toEqual(THROTTLED);
      });
      expect(events).toEqual([]);
      // Others are not kept out, as far as the window is not theirs.
      const other = await newCode();
      const isOwn = { context: true, everybody: false, address: true }[window];
      expect((await begin(other, using)).kind).toBe(isOwn ? 'signed-in' : 'throttled');
    },
  );

  test('of one more wrong guess than there may be, nothing is told, of many at once', async () => {
    const using = narrow('context', 2);
    const code = await newCode();
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, (_, index) => begin({ ...code, code: `ANOTHER ${index}` }, using)),
    );
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(2);
    expect(outcomes.filter(({ kind }) => kind === 'throttled')).toHaveLength(3);
  });

  test.each([
    ['right', 'nothing is told of it', 0],
    ['wrong', 'it is counted all the same', 1],
  ] as const)('that is %s when others have used the limit up meanwhile: %s', async (what, _then, written) => {
    const using = narrow('context', 2);
    const code = await newCode();
    const wrong = { ...code, code: 'ANOTHER' };
    const { resourceCodes } = core.store;
    const byHash: typeof resourceCodes.byHash = async (context, codeHash) => {
      const found = await resourceCodes.byHash(context, codeHash);
      for (let each = 0; each < 2; each += 1) await begin(wrong, using);
      return found;
    };
    const late = { ...using, store: { ...core.store, resourceCodes: { ...resourceCodes, byHash } } };
    const from = attempt();
    const events = await eventsDuring(core, async () =>
      expect(await begin(what === 'right' ? code : wrong, late, from)).toEqual(THROTTLED),
    );
    expect(events.filter(({ requestId }) => requestId === from.caller.requestId)).toHaveLength(written);
    expect((await begin(code)).kind).toBe('signed-in');
  });
});
