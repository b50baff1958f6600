import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { configurationKeys, loadConfiguration } from './config.ts';
import { ConfigurationError } from './errors.ts';

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
