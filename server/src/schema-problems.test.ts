import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfiguration } from './config.ts';
import { readDirectoryLine } from './directory/line.ts';
import { ConfigurationError } from './errors.ts';

function problems(sources: { file?: object; environment?: Record<string, string> }): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-config-'));
  if (sources.file) writeFileSync(join(directory, 'latchkey.config.json'), JSON.stringify(sources.file));
  try {
    loadConfiguration({ environment: sources.environment ?? {}, directory });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

const UUID = '0190b6f0-0000-7000-8000-000000000001';
const line = (object: object) => readDirectoryLine(JSON.stringify(object));

describe('all mistakes are told at once:', () => {
  const wrong = {
    LATCHKEY_LISTEN_PORT: 'x',
    LATCHKEY_LOG_LEVEL: 'loud',
    LATCHKEY_SIGN_IN_MAX_FAILURES: '0',
    LATCHKEY_SIGN_IN_LOCK_SECONDS: '0',
    LATCHKEY_HASHING_PASSES: '0',
    LATCHKEY_HASHING_PARALLELISM: '0',
    LATCHKEY_HASHING_QUEUE_MILLISECONDS: '1',
    LATCHKEY_CHALLENGE_PIN_SECONDS: '0',
    LATCHKEY_CHALLENGE_TICKET_SECONDS: '0',
    LATCHKEY_KEYS_PUBLISH_SECONDS: '0',
    LATCHKEY_KEYS_ROTATE_DAYS: '-1',
    LATCHKEY_SESSION_MAX_SECONDS: '0',
  };

  test('twelve of the environment', () => {
    const named = problems({ environment: wrong }).map((problem) => /\((LATCHKEY_\w+)\)$/.exec(problem)?.[1]);
    expect(named.toSorted()).toEqual(Object.keys(wrong).sort());
  });

  test('those of a file whose unknown keys come first', () => {
    const unknown = Array.from({ length: 8 }, (_, index) => `a${index + 1}`);
    const file = { ...Object.fromEntries(unknown.map((key) => [key, 1])), trustedProxies: 5 };
    expect(problems({ file }).toSorted()).toEqual([
      ...unknown.map((key) => `${key}: is not a known key`),
      'trustedProxies: must be array',
    ]);
  });

  test('those of a line of a directory, as many as anybody reads', () => {
    const withKeys = (count: number) =>
      String(
        line({
          kind: 'role',
          name: 'Student',
          ...Object.fromEntries(Array.from({ length: count }, (_, key) => [`k${key}`, 1])),
        }),
      ).split('; ');
    expect(withKeys(12)).toHaveLength(12);
    expect(withKeys(50)).toHaveLength(50);
    expect(withKeys(60).slice(-2)).toEqual(['k49 is not a known key', 'and 10 more problems']);
  });
});

describe('a mistake is told in words:', () => {
  test('which values are allowed', () => {
    expect(problems({ file: { log: { level: 'loud' } } })).toEqual([
      expect.stringMatching(/^log\.level: must be one of .*warn.*$/),
    ]);
    expect(line({ kind: 'role', name: 'a', admin: 'x' })).toBe('admin must be one of global, group');
  });

  test('what a form is called', () => {
    expect(line({ kind: 'account', id: 'x' })).toBe('id must be a UUID');
    expect(line({ kind: 'account', id: UUID, createdAt: 'yesterday' })).toBe(
      'createdAt must be a time such as 2024-05-01T10:00:00.000Z',
    );
    expect(problems({ file: { mounts: [{ contract: 'login', organisation: 'x' }] } })).toEqual([
      'mounts[0].organisation: must be a UUID',
    ]);
  });

  test('of a value that may be left out, what is wrong in it and not that it is there', () => {
    expect(line({ kind: 'account', id: UUID, user: { foo: 1, name: 5 } })).toBe(
      'user.foo is not a known key; user.name must be string',
    );
    expect(line({ kind: 'account', id: UUID, user: 5 })).toBe('user must be object');
  });

  test('what is missing, beside what is wrong below it', () => {
    expect(problems({ file: { mounts: [{ prefix: 5 }] } })).toEqual(
      expect.arrayContaining([
        'mounts[0]: must have required properties contract',
        'mounts[0].prefix: must be string',
      ]),
    );
  });
});
