import { expect, test } from 'vitest';
import { loadConfiguration, mountsCutShort } from './config.ts';

test('a session lives for 90 days, or for what the longest of the mounts’ tokens live, unless it is set', () => {
  const DAY = 86_400;
  const long = JSON.stringify([
    { contract: 'login', refreshTokenSeconds: 365 * DAY },
    { contract: 'profile' },
  ]);
  const access = JSON.stringify([{ contract: 'credential-type', accessTokenSeconds: 100 * DAY }]);
  const of = (environment: Record<string, string>) => {
    const config = loadConfiguration({ environment, directory: import.meta.dirname });
    return [config.session.maxSeconds / DAY, mountsCutShort(config).map(({ name }) => name)];
  };
  expect(of({})).toEqual([90, []]);
  expect(of({ LATCHKEY_MOUNTS: long })).toEqual([365, []]);
  expect(of({ LATCHKEY_MOUNTS: access })).toEqual([100, []]);
  const set = { LATCHKEY_SESSION_MAX_SECONDS: String(30 * DAY) };
  expect(of(set)).toEqual([30, []]);
  expect(of({ ...set, LATCHKEY_MOUNTS: long })).toEqual([30, ['login']]);
  expect(of({ ...set, LATCHKEY_MOUNTS: access })).toEqual([30, ['credential-type']]);
});
