import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { environmentName, loadConfiguration } from './config.ts';
import { ConfigurationError } from './errors.ts';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64');

describe('the configuration', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-config-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const load = (environment: Record<string, string> = {}, file?: string) =>
    loadConfiguration({ environment, directory, file });
  const problems = (environment: Record<string, string>, file?: string): readonly string[] => {
    try {
      load(environment, file);
    } catch (error) {
      if (error instanceof ConfigurationError) return error.problems;
      throw error;
    }
    return [];
  };
  const write = (name: string, content: unknown) => {
    writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
    return name;
  };

  test('without anything is complete', () => {
    const config = load();
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080, drainMilliseconds: 500 },
      publicUrl: null,
      store: { url: 'sqlite:./data/latchkey.db' },
      signIn: {
        maxFailures: 10,
        lockSeconds: 30,
        refusalMilliseconds: 250,
        perAddress: { count: 100, seconds: 60 },
      },
      hashing: { memoryKib: 19_456, passes: 2, parallelism: 1, queueMilliseconds: 1000 },
      challenge: { pinSeconds: 600, ticketSeconds: 600 },
      refresh: { graceSeconds: 10 },
      mail: {
        locale: 'en',
        limitUnprovenPerAddress: 15,
        limitProvenPerAddress: 20,
        limitUnprovenPerSource: 200,
        limitProvenPerSource: 1000,
        limitPerOrganisation: 5000,
        limitPerDay: 10_000,
      },
      sms: { limitPerNumber: 5, limitPerSource: 50, limitPerPrefix: 500, limitPerDay: 1000 },
    });
    expect(
      config.mounts.map(({ name, accessTokenSeconds, refreshTokenSeconds, requireValidatedEmail }) => [
        name,
        accessTokenSeconds,
        refreshTokenSeconds,
        requireValidatedEmail,
      ]),
    ).toEqual([
      ['fingerprint', 43_200, 604_800, false],
      ['profile', 86_400, 2_592_000, false],
      ['role-picker', 3600, 2_592_000, false],
      ['credential-type', 3600, null, false],
      ['login', 3600, 2_592_000, true],
    ]);
  });

  test('the environment comes after the file, which comes after the defaults', () => {
    const file = write('given.json', {
      listen: { port: 1000 },
      signIn: { maxFailures: 3, lockSeconds: 5 },
      trustedProxies: ['10.0.0.0/8'],
    });
    const config = load(
      { LATCHKEY_SIGN_IN_MAX_FAILURES: '7', LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":5,"seconds":9}' },
      file,
    );
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 1000, drainMilliseconds: 500 });
    expect(config.signIn).toMatchObject({
      maxFailures: 7,
      lockSeconds: 5,
      perAddress: { count: 5, seconds: 9 },
    });
    expect(config.trustedProxies).toEqual(['10.0.0.0/8']);
  });

  test('reads latchkey.config.json in the working directory when it is there', () => {
    write('latchkey.config.json', { listen: { port: 4321 } });
    expect(load().listen.port).toBe(4321);
    rmSync(join(directory, 'latchkey.config.json'));
    expect(load().listen.port).toBe(8080);
  });

  test('names keys in the environment in upper snake case', () => {
    expect(environmentName('signIn.maxFailures')).toBe('LATCHKEY_SIGN_IN_MAX_FAILURES');
    expect(environmentName('publicUrl')).toBe('LATCHKEY_PUBLIC_URL');
    expect(environmentName('hashing.memoryKib')).toBe('LATCHKEY_HASHING_MEMORY_KIB');
  });

  test('reads a secret from a file', () => {
    write('key', `${KEY}\n`);
    expect(load({ LATCHKEY_SECRETS_KEY_FILE: join(directory, 'key') }).secretKey?.toString('base64')).toBe(
      KEY,
    );
    expect(problems({ LATCHKEY_SECRETS_KEY_FILE: join(directory, 'nothing') })[0]).toMatch(/cannot read/);
    expect(
      problems({ LATCHKEY_SECRETS_KEY_FILE: join(directory, 'key'), LATCHKEY_SECRETS_KEY: KEY })[0],
    ).toMatch(/set as well/);
  });

  test('lists everything that is wrong at once', () => {
    const found = problems(
      {
        LATCHKEY_LISTEN_PORT: 'eighty',
        LATCHKEY_SIGN_IN_MAX_FAILURES: '101',
        LATCHKEY_TYPO: 'x',
        LATCHKEY_MOUNTS: '[',
        LATCHKEY_LOG_LEVEL: 'loud',
        LATCHKEY_MAIL_FROM: 'a@b, c@d',
      },
      write('wrong.json', { unknown: 1, listen: { hots: 'x' } }),
    );
    expect(found).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^listen\.port: .*LATCHKEY_LISTEN_PORT/),
        expect.stringMatching(/^signIn\.maxFailures: must be <= 100 .*LATCHKEY_SIGN_IN_MAX_FAILURES/),
        'mail.from: must be an e-mail address, or `Name <address>`',
        'LATCHKEY_TYPO is not a known setting',
        'LATCHKEY_MOUNTS must be JSON',
        expect.stringMatching(/^log\.level/),
        'unknown: is not a known key',
        'listen.hots: is not a known key',
      ]),
    );
  });

  test.each([
    [{ LATCHKEY_STORE_URL: 'mysql://x' }, /store\.url/],
    [{ LATCHKEY_STORE_URL: 'postgres://u@h/db' }, /secrets\.key: must be given with a PostgreSQL store/],
    [{ LATCHKEY_SECRETS_KEY: 'short' }, /secrets\.key/],
    [{ LATCHKEY_MAIL_URL: 'http://x' }, /mail\.url/],
    [{ LATCHKEY_MAIL_FROM: 'a@b, c@d' }, /mail\.from/],
    [{ LATCHKEY_TRUSTED_PROXIES: '["10.0.0.0/33"]' }, /trustedProxies/],
    [{ LATCHKEY_TRUSTED_PROXIES: '["proxy.example.com"]' }, /trustedProxies/],
    [{ LATCHKEY_PUBLIC_URL: 'ftp://x' }, /publicUrl/],
    [{ LATCHKEY_MOUNTS: '[]' }, /mounts/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"nothing"}]' }, /there is no contract "nothing"/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"toString"}]' }, /there is no contract/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login"},{"contract":"login"}]' }, /mounted twice/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","prefix":"no-slash"}]' }, /prefix/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","algorithm":"none"}]' }, /algorithm/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","algorithm":"HS256"}]' }, /HS256 needs a secret/],
    [
      { LATCHKEY_MOUNTS: '[{"contract":"login","secret":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]' },
      /a secret is for HS256 only/,
    ],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","accessTokenSeconds":0}]' }, /accessTokenSeconds/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"credential-type","refreshTokenSeconds":5}]' }, /no refresh tokens/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"sub":"x"}}]' }, /sub cannot be renamed/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"role":"exp"}}]' }, /meaning of its own/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"rolle":"x"}}]' }, /there is no claim rolle/],
    [
      { LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"role":"x","name":"x"}}]' },
      /two claims would be called x/,
    ],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"role":7}}]' }, /claims/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"profile","allowSignUp":true}]' }, /not part of this version/],
    [{ LATCHKEY_HASHING_QUEUE_MILLISECONDS: '99' }, /queueMilliseconds/],
    [{ LATCHKEY_SIGN_IN_LOCK_SECONDS: '901' }, /lockSeconds/],
  ])('%j is refused', (environment, problem) => {
    expect(problems(environment as Record<string, string>).join('\n')).toMatch(problem);
  });

  test('a contract can be mounted twice under two prefixes', () => {
    const { mounts } = load({
      LATCHKEY_MOUNTS: '[{"contract":"login"},{"contract":"login","prefix":"/old/app","audience":"x"}]',
    });
    expect(mounts.map(({ name, audience }) => [name, audience])).toEqual([
      ['login', null],
      ['login@/old/app', 'x'],
    ]);
  });

  test('takes a provider of text messages by its address, its credential apart', () => {
    const token = write('sms-token', 'a token\n');
    expect(
      load({
        LATCHKEY_SMS_URL: 'https://sms.example.com/v1/messages',
        LATCHKEY_SMS_FROM: '+34600111222',
        LATCHKEY_SMS_TOKEN_FILE: join(directory, token),
      }).sms,
    ).toMatchObject({ url: 'https://sms.example.com/v1/messages', from: '+34600111222', token: 'a token' });
    expect(load().sms).toMatchObject({ url: 'console:', from: 'Latchkey' });
    expect(load().sms).not.toHaveProperty('token');
    expect(problems({ LATCHKEY_SMS_URL: 'https://user:secret@sms.example.com' })).toEqual([
      'sms.url: must not hold a user or a password; put the credential into sms.token',
    ]);
    expect(problems({ LATCHKEY_SMS_URL: 'http://' })[0]).toMatch(/^sms\.url: must/);
    expect(problems({ LATCHKEY_SMS_URL: 'smpp://example.com' })[0]).toMatch(/^sms\.url: .*LATCHKEY_SMS_URL/);
  });

  test('tells every mistake in templates with its file and line, and a language without words', () => {
    const folder = join(directory, 'templates');
    mkdirSync(join(folder, 'default', 'fr'), { recursive: true });
    const template = join(folder, 'default', 'fr', 'reset-code.txt');
    writeFileSync(template, 'Un nouveau mot de passe\n\n{cod}\n');
    const settings = { LATCHKEY_MAIL_TEMPLATES: folder, LATCHKEY_MAIL_LOCALE: 'fr-CA' };
    expect(problems({ ...settings, LATCHKEY_LISTEN_PORT: 'x' })).toEqual([
      expect.stringMatching(/^listen\.port: /),
      expect.stringMatching(/^mail\.templates: default\/fr\/reset-code\.txt:3: \{cod\} is no placeholder/),
      'mail.templates: default/fr/reset-code.txt:3: {code} is missing',
    ]);
    writeFileSync(template, 'Un nouveau mot de passe\n\n{code}\n');
    expect(problems(settings)).toEqual([]);
    expect(problems({ LATCHKEY_MAIL_LOCALE: 'fr' })).toEqual([
      'mail.locale: there are no templates in fr, neither ours nor in mail.templates',
    ]);
    expect(problems({ LATCHKEY_MAIL_TEMPLATES: join(directory, 'nowhere') })[0]).toMatch(
      /^mail\.templates: .*nowhere: cannot be read/,
    );
  });

  test('says in one line what is wrong with the file itself', () => {
    expect(() => load({}, 'nothing.json')).toThrow(/cannot read the configuration/);
    expect(() => load({}, write('broken.json', '{'))).toThrow(/cannot read the configuration/);
    expect(() => load({}, write('list.json', '[]'))).toThrow(/JSON object/);
  });
});
