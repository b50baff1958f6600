import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configurationKeys, environmentName, loadConfiguration } from './config.ts';
import { ConfigurationError } from './errors.ts';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64');

/** A value that is not the default, of each key whose schema does not say enough to think of one. */
const OTHER_VALUES: Readonly<Record<string, unknown>> = {
  publicUrl: 'https://id.example.com/base',
  'store.url': 'postgres://u:p@h:5/db',
  'secrets.key': KEY,
  'mail.url': 'smtps://user:pass@mail.example.com:465',
  'mail.from': 'Somebody <a@example.com>',
  'mail.locale': 'pt',
  'mail.templates': mkdtempSync(join(tmpdir(), 'latchkey-templates-')),
  'sms.url': 'https://sms.example.com/send',
  'sms.from': '+34600111222',
  'geo.database': join(tmpdir(), 'places.mmdb'),
  'passwords.breachCheckUrl': 'https://ranges.example.com/',
  'passkeys.rpId': 'localhost',
  'passkeys.origins': ['http://localhost:8080'],
  'attestation.url': 'https://attest.example.com/',
  'attestation.secret': `whsec_${KEY}`,
  trustedProxies: ['10.0.0.0/8', '::1'],
  mounts: [{ contract: 'login', organisation: '00000000-0000-4000-8000-000000000001' }],
  'signIn.perAddress': { count: 100_000, seconds: 1 },
  'signIn.asksPerAddress': { count: 4, seconds: 1 },
  'signIn.perOrganisation': { count: 1, seconds: 1 },
  'signIn.overall': { count: 2, seconds: 1 },
  'signIn.perContext': { count: 3, seconds: 1 },
  'limits.url': 'rediss://user:pass@redis.example.com:6380/1',
  'tracing.url': 'https://traces.example.com/v1/traces',
  webhooks: [{ url: 'https://example.com/told', secret: `whsec_${KEY}` }],
};

/** What must be given beside a key. */
const BESIDE: Readonly<Record<string, Record<string, string>>> = {
  'store.url': { LATCHKEY_SECRETS_KEY: KEY },
  'attestation.url': { LATCHKEY_ATTESTATION_SECRET: `whsec_${KEY}` },
  'attestation.secret': { LATCHKEY_ATTESTATION_URL: 'https://attest.example.com/' },
  'passkeys.origins': { LATCHKEY_PUBLIC_URL: 'http://localhost:8080' },
  'passkeys.rpId': { LATCHKEY_PUBLIC_URL: 'http://localhost:8080' },
};

/** A value of a key that is allowed and not its default. */
function otherValue(key: string, schema: Readonly<Record<string, unknown>>): unknown {
  const given = OTHER_VALUES[key];
  if (given !== undefined) return given;
  const { type, minimum, maximum, default: standard, enum: members } = schema;
  if (Array.isArray(members)) return members.find((member) => member !== standard);
  if (type === 'integer') return standard === minimum ? maximum : minimum;
  if (type === 'number') return 0.5;
  return type === 'boolean' ? !standard : 'a text of some length';
}

/** What a configuration is like that has this value at this key. */
function read(key: string, value: unknown): Record<string, unknown> {
  if (key === 'secrets.key') return { secretKey: Buffer.from(String(value), 'base64') };
  if (key === 'mail.from')
    return {
      mail: expect.objectContaining({
        url: 'console:',
        from: { name: 'Somebody', address: 'a@example.com' },
      }),
    };
  if (key === 'mail.templates') return { mail: expect.objectContaining({ templates: expect.anything() }) };
  if (key === 'mounts')
    return {
      mounts: [expect.objectContaining({ name: 'login', organisation: expect.stringMatching(/1$/) })],
    };
  const [first = '', second] = key.split('.');
  return { [first]: second === undefined ? value : expect.objectContaining({ [second]: value }) };
}

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
        asksPerAddress: { count: 600, seconds: 600 },
        perOrganisation: { count: 10_000, seconds: 600 },
        overall: { count: 50_000, seconds: 600 },
        perContext: { count: 1000, seconds: 3600 },
      },
      limits: { eventLoopMilliseconds: 500, memoryMib: 0 },
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

  test('lists what is wrong with each mount, and with the environment beside a file that cannot be read', () => {
    expect(
      problems({
        LATCHKEY_MOUNTS: JSON.stringify([
          { contract: 'nothing' },
          { contract: 'login', bogus: 1 },
          'profile',
          { contract: 'profile', algorithm: 'HS256' },
        ]),
      }),
    ).toEqual([
      'mounts[1].bogus: is not a known key (LATCHKEY_MOUNTS)',
      'mounts[2]: must be object (LATCHKEY_MOUNTS)',
      expect.stringMatching(/^mounts\[0\]: there is no contract "nothing"/),
      'mounts[3]: HS256 needs a secret',
    ]);
    expect(problems({ LATCHKEY_LISTEN_PORT: 'x' }, 'nothing.json')).toEqual([
      expect.stringMatching(/^cannot read the configuration/),
      expect.stringMatching(/^listen\.port/),
    ]);
  });

  test('every key can be given in the environment, in a file that it names, and in the configuration file', () => {
    for (const { path, schema } of configurationKeys()) {
      const key = path.join('.');
      const value = otherValue(key, schema);
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      const beside = BESIDE[key] ?? {};
      const expected = expect.objectContaining(read(key, value));
      expect(load({ ...beside, [environmentName(key)]: text }), key).toEqual(expected);
      const named = join(directory, write('value', `${text}\n`));
      expect(load({ ...beside, [`${environmentName(key)}_FILE`]: named }), key).toEqual(expected);
      const [first = '', second] = path;
      const file = write(
        'whole.json',
        second === undefined ? { [first]: value } : { [first]: { [second]: value } },
      );
      expect(load(beside, file), key).toEqual(expected);
    }
  });

  test.each([
    [{ LATCHKEY_STORE_URL: 'mysql://x' }, /store\.url/],
    [{ LATCHKEY_STORE_URL: 'postgres://u@h/db' }, /secrets\.key: must be given with a PostgreSQL store/],
    [{ LATCHKEY_SECRETS_KEY: 'short' }, /secrets\.key/],
    [{ LATCHKEY_MAIL_URL: 'http://x' }, /mail\.url/],
    [{ LATCHKEY_MAIL_FROM: 'a@b, c@d' }, /mail\.from/],
    [{ LATCHKEY_MAIL_URL: 'smtp://a b' }, /mail\.url: is not a URL/],
    [{ LATCHKEY_MAIL_URL: 'smtp://host:99999' }, /mail\.url: is not a URL/],
    [{ LATCHKEY_MAIL_URL: 'smtp://user:%zz@host' }, /mail\.url: is not a URL/],
    [{ LATCHKEY_STORE_URL: 'postgres://h:99999/db', LATCHKEY_SECRETS_KEY: KEY }, /store\.url: is not a URL/],
    [{ LATCHKEY_STORE_URL: 'postgres://u:p@[', LATCHKEY_SECRETS_KEY: KEY }, /store\.url: is not a URL/],
    [
      { LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":100001,"seconds":60}' },
      /perAddress\.count: .*LATCHKEY_SIGN_IN_PER_ADDRESS/,
    ],
    [{ LATCHKEY_TRUSTED_PROXIES: '["10.0.0.0/33"]' }, /trustedProxies/],
    [{ LATCHKEY_KEYS_PUBLISH_SECONDS: '4' }, /keys\.publishSeconds: must be >= 5/],
    [{ LATCHKEY_TRUSTED_PROXIES: '[5]' }, /trustedProxies\[0\]: must be string \(LATCHKEY_TRUSTED_PROXIES\)/],
    [{ LATCHKEY_TRUSTED_PROXIES: '["proxy.example.com"]' }, /trustedProxies/],
    [{ LATCHKEY_PUBLIC_URL: 'ftp://x' }, /publicUrl/],
    [{ NODE_ENV: 'production', LATCHKEY_PUBLIC_URL: 'http://id.example.com' }, /publicUrl: must be an https/],
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
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"sub":"x"}}]' }, /sub cannot be renamed/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"role":"exp"}}]' }, /meaning of its own/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"rolle":"x"}}]' }, /there is no claim rolle/],
    [
      { LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"role":"x","name":"x"}}]' },
      /two claims would be called x/,
    ],
    [
      { LATCHKEY_MOUNTS: '[{"contract":"credential-type","claims":{"role":"userId"}}]' },
      /role would take the place of userId, which credential-type puts there itself/,
    ],
    [
      { LATCHKEY_MOUNTS: '[{"contract":"fingerprint","claims":{"accountId":"userId","phone":"email"}}]' },
      /accountId would take the place of userId.*phone would take the place of email/s,
    ],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"role":7}}]' }, /claims/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","phoneRegion":"UK"}]' }, /phoneRegion: no phone numbers .* UK/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","phoneRegion":"ZZ"}]' }, /phoneRegion: no phone numbers .* ZZ/],
    [{ LATCHKEY_MOUNTS: '[{"contract":"login","allowSignUp":true}]' }, /login has no sign-up/],
    [{ LATCHKEY_TRACING_URL: 'http://a b' }, /tracing\.url: is not a URL/],
    [
      { LATCHKEY_WEBHOOKS: JSON.stringify([{ url: 'https://[', secret: `whsec_${KEY}` }]) },
      /webhooks\[0\]\.url: is not a URL/,
    ],
    [
      { LATCHKEY_HASHING_MEMORY_KIB: '15', LATCHKEY_HASHING_PARALLELISM: '2' },
      /hashing\.memoryKib: must be at least 8 for each lane, 16/,
    ],
    [{ LATCHKEY_HASHING_QUEUE_MILLISECONDS: '99' }, /queueMilliseconds/],
    [{ LATCHKEY_SIGN_IN_LOCK_SECONDS: '901' }, /lockSeconds/],
  ])('%j is refused', (environment, problem) => {
    expect(problems(environment as Record<string, string>).join('\n')).toMatch(problem);
  });

  test.each([
    { NODE_ENV: 'production', LATCHKEY_PUBLIC_URL: 'https://id.example.com' },
    { NODE_ENV: 'production', LATCHKEY_PUBLIC_URL: 'http://127.0.0.1:8080' },
    { NODE_ENV: 'production' },
    { LATCHKEY_PUBLIC_URL: 'http://id.example.com' },
    { LATCHKEY_MOUNTS: '[{"contract":"login","phoneRegion":"GB"}]' },
    { LATCHKEY_MOUNTS: '[{"contract":"credential-type","claims":{"role":"userId","userId":"id"}}]' },
    { LATCHKEY_MOUNTS: '[{"contract":"credential-type","claims":{"role":"userId","userId":"role"}}]' },
    { LATCHKEY_MOUNTS: '[{"contract":"fingerprint","claims":{"accountId":"userId","userId":null}}]' },
    { LATCHKEY_MOUNTS: '[{"contract":"login","claims":{"role":"email","name":"name"}}]' },
  ])('%j is taken', (environment) => {
    expect(problems(environment as Record<string, string>)).toEqual([]);
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

  test('a mount takes every setting of mounts, also one that its contract has no use for', () => {
    const { mounts } = load({
      LATCHKEY_MOUNTS:
        '[{"contract":"credential-type","refreshTokenSeconds":5,"phoneRegion":"ES","hideUnknownIdentity":true}]',
    });
    expect(mounts[0]).toMatchObject({ refreshTokenSeconds: null });
  });

  test('an organisation may be written in capitals, as in a directory file', () => {
    const { mounts } = load({
      LATCHKEY_MOUNTS: '[{"contract":"login","organisation":"0A0B0C0D-0000-4000-8000-00000000ABCD"}]',
    });
    expect(mounts[0]?.organisation).toBe('0a0b0c0d-0000-4000-8000-00000000abcd');
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

  describe('binds passkeys to where it is:', () => {
    const given = (publicUrl: string | null, rpId: string | null, origins: readonly string[]) => ({
      ...(publicUrl === null ? {} : { LATCHKEY_PUBLIC_URL: publicUrl }),
      ...(rpId === null ? {} : { LATCHKEY_PASSKEYS_RP_ID: rpId }),
      LATCHKEY_PASSKEYS_ORIGINS: JSON.stringify(origins),
    });
    const HOME = 'https://id.example.com';

    test.each([
      [null, null, []],
      [HOME, null, []],
      [HOME, 'id.example.com', []],
      [
        HOME,
        'example.com',
        ['https://www.example.com', 'https://example.com', 'https://a.b.example.com:8443'],
      ],
      [HOME, null, ['https://app.id.example.com']],
      ['http://localhost:8080', null, ['http://localhost:5173']],
      ['http://intranet', 'intranet', []],
      [null, 'example.com', ['https://www.example.com']],
      [HOME, null, [`android:apk-key-hash:${'a'.repeat(43)}`]],
      ['https://id.example.com/below', null, []],
    ])('%s, %s, %j', (publicUrl, rpId, origins) => {
      expect(problems(given(publicUrl, rpId, origins))).toEqual([]);
    });

    test.each([
      [HOME, 'com'],
      [HOME, 'other.com'],
      [HOME, 'ample.com'],
      [HOME, 'app.id.example.com'],
      [HOME, 'https://id.example.com'],
      [HOME, 'id.example.com:443'],
      [HOME, 'ID.example.com'],
      [HOME, 'id.example.com.'],
      [HOME, ''],
      [HOME, '192.0.2.1'],
      [null, '127.0.0.1'],
      [null, 'a b'],
    ])('%s has no relying party %s', (publicUrl, rpId) => {
      expect(problems(given(publicUrl, rpId, []))).toEqual([expect.stringMatching(/^passkeys\.rpId: /)]);
    });

    test.each([
      'https://example.com',
      'https://www.example.com',
      'https://evilid.example.com',
      'https://id.example.com.evil.example',
      'http://app.id.example.com',
      'https://app.id.example.com/',
      'https://app.id.example.com/path',
      'https://user@app.id.example.com',
      'https://APP.id.example.com',
      'https://app.id.example.com:443',
      'app.id.example.com',
      'android:apk-key-hash:short',
      'null',
      '*',
      '',
    ])('%s is not below it', (origin) => {
      expect(problems(given(HOME, null, [origin]))).toEqual([
        expect.stringMatching(/^passkeys\.origins: .*is no https origin on or below id\.example\.com/),
      ]);
    });

    test('of what is not known nothing can be below', () => {
      expect(problems(given(null, null, ['https://app.example.com']))).toEqual([
        expect.stringMatching(/^passkeys\.origins: needs publicUrl/),
      ]);
    });
  });
});
