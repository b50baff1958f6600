import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { configurationKeys, loadConfiguration } from './config.ts';
import { decoyHash, readStoredHash } from './crypto/password-hash.ts';
import { ConfigurationError } from './errors.ts';
import { systemRandom } from './ports.ts';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

/** Each setting whose address is called over HTTP, and how one is given. */
const CALLED: Readonly<Record<string, (url: string) => Record<string, string>>> = {
  'sms.url': (url) => ({ LATCHKEY_SMS_URL: url }),
  'passwords.breachCheckUrl': (url) => ({ LATCHKEY_PASSWORDS_BREACH_CHECK_URL: url }),
  'attestation.url': (url) => ({ LATCHKEY_ATTESTATION_URL: url, LATCHKEY_ATTESTATION_SECRET: SECRET }),
  'tracing.url': (url) => ({ LATCHKEY_TRACING_URL: url }),
  'webhooks[1].url': (url) => webhooks('https://example.com/other', url),
};

function webhooks(...urls: string[]): Record<string, string> {
  return { LATCHKEY_WEBHOOKS: JSON.stringify(urls.map((url) => ({ url, secret: SECRET }))) };
}

function problems(environment: Record<string, string>): readonly string[] {
  try {
    loadConfiguration({ environment, directory: tmpdir() });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('an address that is called', () => {
  test.each(Object.entries(CALLED))('as %s holds no user and no password', (key, given) => {
    expect(problems(given('https://example.com/path'))).toEqual([]);
    for (const credential of ['canary:canary', 'canary', ':canary']) {
      const [problem, ...others] = problems(given(`https://${credential}@example.com/path`));
      expect(problem?.startsWith(`${key}: must not hold a user or a password`), problem).toBe(true);
      expect(problem).not.toContain('canary');
      expect(others).toEqual([]);
    }
    expect(problems(given('https://canary:canary@['))).toEqual([`${key}: is not a URL`]);
  });

  test('is one of those, wherever a setting takes one', () => {
    const taken = configurationKeys().flatMap(({ path, schema }) =>
      /^\^\(?(.*\|)?https\?:/.test(String(schema.pattern)) ? [path.join('.')] : [],
    );
    expect([...taken, 'webhooks[1].url'].sort()).toEqual(Object.keys(CALLED).sort());
  });
});

test('one address is one webhook: two would share a place in the log, and each miss what the other was told', () => {
  const [one, other] = ['https://example.com/one', 'https://example.com/other'];
  expect(problems(webhooks(one, other))).toEqual([]);
  expect(problems(webhooks(one, other, one))).toEqual([
    'webhooks[2].url: is there already; name the events of both in one',
  ]);
});

test('no more work for a hash than is taken in verifying one: nobody could sign in', () => {
  const hashing = (memoryKib: number, passes: number) =>
    problems({
      LATCHKEY_HASHING_MEMORY_KIB: String(memoryKib),
      LATCHKEY_HASHING_PASSES: String(passes),
    });
  for (const [memoryKib, passes] of [
    [262_144, 4],
    [65_536, 16],
  ] as const) {
    expect(hashing(memoryKib, passes)).toEqual([]);
    const decoy = decoyHash({ memoryKib, passes, parallelism: 1 }, systemRandom);
    expect(readStoredHash(decoy)).toMatchObject({ format: 'argon2' });
  }
  expect(hashing(70_000, 16)).toEqual([
    'hashing: memoryKib times passes must be at most 1048576: a hash of more work is not verified',
  ]);
});
