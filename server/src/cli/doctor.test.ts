import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorkplace, type Workplace } from '../../testing/process.ts';

describe('latchkey doctor', { timeout: 60_000 }, () => {
  let work: Workplace;
  beforeAll(async () => {
    work = makeWorkplace();
    expect((await work.run(['account', 'list'])).code).toBe(0);
  });
  afterAll(() => work.remove());

  const finding = async (about: string, environment: Record<string, string> = {}) => {
    const { stdout } = await work.run(['doctor', '--json'], { environment });
    return (JSON.parse(stdout) as { about: string }[]).find((each) => each.about === about);
  };

  test('warns of a key file that others can read, with the remedy', async () => {
    const file = join(work.directory, 'data', 'secret.key');
    for (const mode of [0o644, 0o640, 0o604]) {
      chmodSync(file, mode);
      expect(await finding('secrets'), mode.toString(8)).toMatchObject({
        state: 'warn',
        message: expect.stringContaining('chmod 600 data/secret.key'),
      });
    }
    chmodSync(file, 0o600);
    expect(await finding('secrets')).toMatchObject({ state: 'ok' });
  });

  test('warns of an https address without a proxy that is believed: all clients would share one limit', async () => {
    const https = { LATCHKEY_PUBLIC_URL: 'https://id.example.com' };
    expect(await finding('proxies', https)).toMatchObject({
      state: 'warn',
      message: expect.stringContaining('trustedProxies'),
    });
    expect(await finding('proxies', { ...https, LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]' })).toMatchObject({
      state: 'ok',
    });
    expect(await finding('proxies')).toMatchObject({ state: 'ok' });
  });
});
