import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceOf } from '../accounts/fingerprint.ts';
import { deviceStanding, isRecognised, usedSince } from './device.ts';

const TRUSTING = { trustFirstDevice: true };
const CAREFUL = { trustFirstDevice: false };
const FORGET_SECONDS = 86_400;

describe.each(ENGINES)('what a device is to an account, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    const settings = { LATCHKEY_DEVICES_FORGET_SECONDS: String(FORGET_SECONDS) };
    app = await startApp(engine, settings, frozenClock());
  });
  afterAll(() => app.stop());

  async function somebody(fields: Record<string, unknown>) {
    const { id } = await app.person({ recogniseDevices: true, ...fields });
    const account = (await app.core.store.accounts.byId(id)) as AccountWithMemberships;
    const device = (fingerprint: string) => deviceOf(id, fingerprint, app.core.vault);
    const standing = (fingerprint: string | null, mount = TRUSTING) =>
      deviceStanding(account, fingerprint === null ? null : device(fingerprint), mount, app.app.corridor);
    const isKnown = (fingerprint: string) =>
      isRecognised(app.app.corridor, id, device(fingerprint).fingerprintHash);
    return { standing, isKnown };
  }

  test('is nothing where the account does not ask', async () => {
    const { standing } = await somebody({ recogniseDevices: false });
    expect(await standing(null)).toBe('known');
    expect(await standing('any', CAREFUL)).toBe('known');
  });

  test('is known, or is due to be proven; and is due without a fingerprint', async () => {
    const { standing } = await somebody({ devices: ['mine'] });
    for (const mount of [TRUSTING, CAREFUL]) {
      expect(await standing('mine', mount)).toBe('known');
      expect(await standing('another', mount)).toBe('due');
      expect(await standing(null, mount)).toBe('due');
    }
  });

  test('is the first of an account that never had one, where the mount trusts it', async () => {
    const { standing } = await somebody({});
    expect(await standing('first')).toBe('first');
    expect(await standing('first', CAREFUL)).toBe('due');
    expect(await standing(null)).toBe('due');
  });

  test('is forgotten when it was not used for so long, and the next one is not the first then', async () => {
    const { standing, isKnown } = await somebody({ devices: ['mine'] });
    app.core.clock.advance(FORGET_SECONDS);
    expect(usedSince(app.app.corridor)).toBe(app.core.clock.now() - FORGET_SECONDS * 1000);
    expect([await isKnown('mine'), await standing('mine')]).toEqual([true, 'known']);
    app.core.clock.advance(0.001);
    expect([await isKnown('mine'), await standing('mine')]).toEqual([false, 'due']);
    expect(await standing('another')).toBe('due');
  });
});
