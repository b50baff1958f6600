import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { makeWorkplace, type Workplace } from '../../testing/process.ts';

describe('RL-15: latchkey store cut-off', () => {
  let work: Workplace;
  beforeAll(async () => {
    work = makeWorkplace({
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login' },
        { contract: 'profile', algorithm: 'HS256', secret: 's'.repeat(32) },
      ]),
    });
    const lines = [
      { kind: 'account', id: uuid(1), username: 'ada', password: 'the password of ada' },
      { kind: 'resource', context: 'a', code: 'ONCE' },
      { kind: 'resource', context: 'a', code: 'SPENT', uses: 1 },
      { kind: 'resource', context: 'a', code: 'ALWAYS', maxUses: 0 },
    ];
    await work.run(['import', '-'], { input: lines.map((line) => JSON.stringify(line)).join('\n') });
  });
  afterAll(() => work.remove());

  test('says what has ended, and what it cannot know', async () => {
    const { code, stdout, stderr } = await work.run(['store', 'cut-off']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^The store is cut off from before \S+Z: 0 sessions have ended, 1 accounts /);
    expect(stderr).toContain('- 1 resource codes have uses left');
    expect(stderr).toMatch(/give these mounts another secret: profile$/m);
  });

  test('has that in JSON', async () => {
    const { stdout } = await work.run(['store', 'cut-off', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      at: expect.stringMatching(/Z$/),
      keys: [{ id: expect.any(String), algorithm: 'ES256', signsFrom: expect.any(String) }],
      accounts: 1,
      installations: 0,
      sessions: 0,
      devices: 0,
      left: { resourceCodes: 1, recoveryCodes: 0, sharedSecretMounts: ['profile'] },
    });
  });
});
