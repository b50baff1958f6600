import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { freePort } from '../../testing/postgres.ts';
import { makeWorkplace, PROGRAM, type Workplace } from '../../testing/process.ts';
import { runRawSql } from '../../testing/raw-sql.ts';
import { startSmsProvider } from '../../testing/sms-provider.ts';
import { progressLine } from './progress.ts';

const _SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64');
const DIRECTORY = [
  { kind: 'organisation', id: uuid(1), name: 'University', settings: { maxFailedSignInAttempts: 2 } },
  { kind: 'role', name: 'Student', permissions: ['learn'] },
  {
    kind: 'account',
    id: uuid(2),
    username: 'ada',
    email: 'ada@example.com',
    password: 'the password of ada',
    emailValidated: true,
    organisation: uuid(1),
  },
]
  .map((line) => JSON.stringify(line))
  .join('\n');

const post = async (url: string, body: object) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

// Each command is a process of its own: slow where the machine has other work.
describe('the command line', { timeout: 120_000 }, () => {
  let work: Workplace;
  beforeAll(async () => {
    // The machine may have other work: nobody is turned away for that.
    work = makeWorkplace({ LATCHKEY_HASHING_QUEUE_MILLISECONDS: '20000' });
    const loaded = await work.run(['import', '-'], { input: DIRECTORY });
    expect(loaded).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '3 created, 0 updated, 0 unchanged, 0 refused\n',
    });
  });
  afterAll(() => work.remove());

  test('audit verify says that the log is whole, and exits 1 when it is not', async () => {
    const place = makeWorkplace();
    await place.run(['import', '-'], { input: DIRECTORY });
    const server = await place.serve();
    await post(`${server.url}/auth/login`, { username: 'ada', password: 'wrong' });
    await server.end('SIGTERM');
    expect(await place.run(['audit', 'verify'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^2 events, each as it was written; .* 0 wait for their place\.\n$/),
    });
    const report = JSON.parse((await place.run(['audit', 'verify', '--json'])).stdout);
    expect(report).toMatchObject({ events: 2, problems: [] });
    const [noted = ''] = /2:[\w-]{43}/.exec((await place.run(['audit', 'verify'])).stdout) ?? [];
    expect(await place.run(['audit', 'verify', '--expect', noted])).toMatchObject({ code: 0 });
    expect(await place.run(['audit', 'verify', '--expect', noted.replace('2:', '3:')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/event 3 is not in the log with the seal that is expected/),
    });
    expect((await place.run(['audit', 'verify', '--expect', '2'])).stderr).toMatch(/as NUMBER:SEAL/);
    const store = `sqlite:${join(place.directory, 'data', 'latchkey.db')}`;
    await runRawSql(store, 'DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE link = 1');
    const broken = await place.run(['audit', 'verify']);
    expect(broken.code).toBe(1);
    expect(broken.stderr).toBe('latchkey: the audit log was tampered with: event 1 is missing\n');
    place.remove();
  });

  test.each(
    [['--help'], ['import', '--help'], ['account', '--help'], ['account', 'show', '--help']].map((args) => [
      args,
    ]),
  )('%j helps and exits 0', async (args) => {
    const { code, stdout } = await work.run(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: latchkey/);
  });

  test.each(
    [
      ['nonsense'],
      ['serve', '--nonsense'],
      ['import'],
      ['account', 'show'],
      ['account', 'nonsense'],
      ['audit', 'extra'],
      ['audit', '--since', 'nonsense'],
      ['audit', '--since', '5'],
      ['audit', 'verify', '--expect', 'x'],
      ['mail', 'preview'],
      ['mail', 'preview', 'reset-code', '--all'],
      ['key', 'rotate', '--algorithm', 'FOO'],
      ['key', 'rotate', '--algorithm', 'HS256'],
      ['resource-server', 'add', 'Bad Name'],
    ].map((args) => [args]),
  )('%j is wrong usage and exits 2', async (args) => {
    const { code, stdout, stderr } = await work.run(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  test('reports bad lines with number and reason, loads the others, and exits 1', async () => {
    writeFileSync(
      join(work.directory, 'bad.jsonl'),
      '{"kind":"role","name":"fine"}\nnonsense\n{"kind":"account","id":"x"}\n',
    );
    const { code, stderr } = await work.run(['import', 'bad.jsonl']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^bad\.jsonl:2: it is not JSON\nbad\.jsonl:3: id .*\n1 created, 0 updated, 0 unchanged, 2 refused\n$/,
    );
    const json = await work.run(['import', '--json', 'bad.jsonl']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      created: 0,
      unchanged: 1,
      refused: [{ lineNumber: 2 }, { lineNumber: 3 }],
    });
    expect((await work.run(['import', 'missing.jsonl'])).stderr).toMatch(
      /^latchkey: cannot read missing\.jsonl: /,
    );
    expect((await work.run(['import', '-', 'missing.jsonl'])).stderr).toMatch(
      /^latchkey: cannot read missing\.jsonl: /,
    );
    expect((await work.run(['import', '.'])).stderr).toMatch(/^latchkey: cannot read \.: it is a folder/);
  });

  test('exports what an import makes again', async () => {
    const exported = await work.run(['export']);
    expect(exported.code).toBe(0);
    const other = makeWorkplace();
    expect((await other.run(['import', '-'], { input: exported.stdout })).code).toBe(0);
    expect((await other.run(['export'])).stdout).toBe(exported.stdout);
    other.remove();
  });

  test.each(['export', 'account list --json'])(
    'says nothing when whoever reads the data of %s has gone',
    async (command) => {
      const own = makeWorkplace();
      const people = Array.from({ length: 1500 }, (_, index) => {
        const id = uuid(1000 + index);
        return JSON.stringify({
          kind: 'account',
          id,
          username: `reader${index}`,
          email: `${index}@example.com`,
        });
      });
      await own.run(['import', '-'], { input: people.join('\n') });
      const { stdout, stderr } = spawnSync('sh', ['-c', `${PROGRAM} ${command} | head -c 1`], {
        cwd: own.directory,
        encoding: 'utf8',
      });
      expect(stdout).toHaveLength(1);
      expect(stderr).toBe('');
      own.remove();
    },
  );

  test('operates on accounts by id or identifier, and says what was done', async () => {
    const listed = await work.run(['account', 'list', '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { id: uuid(2), number: 1, username: 'ada', status: 'active' },
    ]);
    expect(
      JSON.parse((await work.run(['account', 'show', 'ADA@example.com', '--json'])).stdout),
    ).toMatchObject({ id: uuid(2), locked: null, hasPassword: true });
    expect((await work.run(['account', 'disable', uuid(2)])).stderr).toBe(
      `${uuid(2)} is disabled and its sessions have ended\n`,
    );
    expect((await work.run(['account', 'disable', 'ada'])).stderr).toBe(`${uuid(2)} was disabled already\n`);
    expect((await work.run(['account', 'enable', 'ada'])).stderr).toBe(`${uuid(2)} is enabled\n`);
    expect(await work.run(['account', 'show', 'nobody'])).toMatchObject({
      code: 1,
      stderr: 'latchkey: there is no account nobody\n',
    });
    const created = await work.run(['account', 'create', '--username', 'eve', '--password-stdin'], {
      input: 'the password of eve\n',
    });
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) });
    expect((await work.run(['account', 'create', '--username', 'EVE'])).stderr).toMatch(
      /another account in the same home has the identifier eve/,
    );
    expect((await work.run(['account', 'create', created.stdout.trim()])).stderr).toMatch(
      /there is an account/,
    );
    expect(
      (await work.run(['account', 'create', '--username', 'x', '--password-stdin'], { input: 'short' }))
        .stderr,
    ).toMatch(/8 to 1024/);
  });

  test('operates on memberships and organisations', async () => {
    expect((await work.run(['membership', 'add', 'ada', uuid(1), 'Student'])).stderr).toBe(
      `Student in ${uuid(1)}: added\n`,
    );
    expect((await work.run(['membership', 'add', 'ada', uuid(1), 'Nobody'])).stderr).toMatch(
      /there is no role Nobody/,
    );
    expect(JSON.parse((await work.run(['membership', 'list', '--json'])).stdout)).toEqual([
      { account: uuid(2), organisation: uuid(1), role: 'Student' },
    ]);
    expect((await work.run(['membership', 'remove', 'ada', uuid(1), 'Student'])).code).toBe(0);
    expect(await work.run(['membership', 'remove', 'ada', uuid(1), 'Student'])).toMatchObject({
      code: 1,
      stderr: 'latchkey: there is no such membership\n',
    });
    expect((await work.run(['organisation', 'suspend', uuid(1)])).stderr).toBe(`${uuid(1)} is suspended\n`);
    expect(JSON.parse((await work.run(['organisation', 'show', uuid(1), '--json'])).stdout)).toMatchObject({
      isSuspended: true,
      accounts: 1,
      members: 0,
    });
    expect((await work.run(['organisation', 'resume', uuid(1)])).stderr).toBe(`${uuid(1)} is in service\n`);
    expect(JSON.parse((await work.run(['organisation', 'list', '--json'])).stdout)).toMatchObject([
      { id: uuid(1), name: 'University' },
    ]);
  });

  test('makes, lists and removes resource servers; a credential is shown once', async () => {
    const { stdout } = await work.run(['resource-server', 'add', 'reports', '--json']);
    const { name, credential } = JSON.parse(stdout) as { name: string; credential: string };
    expect(name).toBe('reports');
    expect(credential).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await work.run(['resource-server', 'add', 'reports'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'latchkey: there is a resource server reports already\n',
    });
    expect((await work.run(['resource-server', 'add', 'No Name'])).stderr).toMatch(/Use a-z, 0-9/);
    const listed = await work.run(['resource-server', 'list', '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ name: 'reports' }]);
    expect(listed.stdout).not.toContain(credential);
    expect((await work.run(['resource-server', 'remove', 'reports'])).stderr).toBe('reports is removed\n');
    expect((await work.run(['resource-server', 'remove', 'reports'])).code).toBe(1);
  });

  test('an emergency rotation says what it breaks', async () => {
    const own = makeWorkplace();
    const { code, stderr } = await own.run(['key', 'rotate', '--emergency']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^ES256 \S+: published now, signs from /);
    expect(stderr).toMatch(/Every access token that they signed is refused/);
    const keys = JSON.parse((await own.run(['key', 'list', '--json'])).stdout) as { state: string }[];
    expect(keys.filter(({ state }) => state === 'signs')).toHaveLength(1);
    expect(keys.filter(({ state }) => state !== 'signs').every(({ state }) => state === 'retired')).toBe(
      true,
    );
    own.remove();
  });

  test('keeps an audit log of what was done, and prints it', async () => {
    const lines = (await work.run(['audit', '--json'])).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; accountId: string | null });
    expect(lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        'directory.imported',
        'account.disabled',
        'account.enabled',
        'membership.added',
        'membership.removed',
        'organisation.suspended',
      ]),
    );
    const ofAda = (await work.run(['audit', '--account', 'ada', '--since', '1h'])).stdout
      .trimEnd()
      .split('\n');
    expect(ofAda.every((line) => line.includes(uuid(2)))).toBe(true);
    expect((await work.run(['audit', '--since', 'yesterday'])).stderr).toMatch(
      /^error: .*'yesterday' is invalid\. Give a time/,
    );
  });

  test('lists contracts with their mounts and paths', async () => {
    const rows = JSON.parse((await work.run(['contract', 'list', '--json'])).stdout) as {
      name: string;
      paths: string[];
    }[];
    expect(rows.map(({ name }) => name)).toEqual([
      'fingerprint',
      'profile',
      'role-picker',
      'credential-type',
      'login',
      'native',
    ]);
    expect(rows.find(({ name }) => name === 'login')?.paths).toContain('POST /auth/login');
  });

  test('looks at itself, a line each with the remedy', async () => {
    const { code, stdout } = await work.run(['doctor']);
    expect(code).toBe(0);
    for (const about of ['configuration', 'store', 'mail', 'sms', 'clock', 'secrets', 'proxies', 'passkeys'])
      expect(stdout).toMatch(new RegExp(`^(ok|warn) +${about} `, 'm'));
    const bad = await work.run(['doctor'], {
      environment: {
        LATCHKEY_MAIL_URL: `smtp://127.0.0.1:${await freePort()}`,
        LATCHKEY_SMS_URL: `http://127.0.0.1:${await freePort()}/`,
        LATCHKEY_TRUSTED_PROXIES: '["0.0.0.0/0"]',
        LATCHKEY_SESSION_MAX_SECONDS: '604800',
      },
    });
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(
      /^warn +configuration +tokens of profile, role-picker, login end after 604800 s/m,
    );
    expect(bad.stdout).toMatch(/^fail +mail .*Check mail\.url/m);
    expect(bad.stdout).toMatch(/^fail +sms .*Check sms\.url/m);
    expect(bad.stdout).toMatch(/^fail +proxies /m);
    expect(stdout).toMatch(/^warn +passkeys .*Set publicUrl/m);
    const named = { environment: { LATCHKEY_PUBLIC_URL: 'https://id.example.com' } };
    expect((await work.run(['doctor'], named)).stdout).toMatch(
      /^ok +passkeys +bound to id\.example\.com, used from https:\/\/id\.example\.com$/m,
    );
  });

  test('doctor asks the provider of text messages, and sends nothing', async () => {
    const provider = await startSmsProvider();
    const examine = async () => {
      const environment = { LATCHKEY_SMS_URL: provider.url, LATCHKEY_SMS_TOKEN: 'a token' };
      const { code, stdout } = await work.run(['doctor'], { environment });
      return `${code} ${/^.* sms .*$/m.exec(stdout)?.[0]}`;
    };
    expect(await examine()).toMatch(/^0 ok +sms .* answers$/);
    provider.demandToken('another token');
    expect(await examine()).toMatch(/^1 fail +sms .*401\. Check sms\.token/);
    expect(provider.asked).toEqual([]);
    await provider.stop();
  });

  test('previews every message, marked as such, and sends nothing', async () => {
    const one = await work.run(['mail', 'preview', 'reset-code', '--locale', 'de-AT']);
    expect(one).toMatchObject({ code: 0, stderr: '' });
    expect(one.stdout).toMatch(/^--- preview of reset-code: invented data, nothing is sent ---$/m);
    expect(one.stdout).toMatch(/^Subject: Setzen Sie ein neues Passwort$/m);
    expect(one.stdout).toMatch(/^[\w-]{40,}$/m);
    const html = await work.run(['mail', 'preview', 'sign-in-code', '--html']);
    expect(html.stdout).toMatch(/^<!-- preview of sign-in-code: .* -->\n<!doctype html><html lang="en">/);
    const all = await work.run(['mail', 'preview', '--all']);
    expect(all.stdout.match(/^--- preview of /gm)).toHaveLength(16);
    expect(all.stdout).toMatch(/^As a text message: 042042 is your Latchkey code/m);
    expect((await work.run(['mail', 'preview'])).code).toBe(2);
    expect((await work.run(['mail', 'preview', 'nonsense'])).code).toBe(2);
  });

  test('previews the words of an organisation, and tells what is wrong with them', async () => {
    const folder = join(work.directory, 'templates', uuid(1), 'en');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'sign-in-code.txt'), 'From the university\n\nHello {name}:\n\n{code}\n');
    const environment = { LATCHKEY_MAIL_TEMPLATES: 'templates' };
    const preview = (...options: string[]) =>
      work.run(['mail', 'preview', 'sign-in-code', ...options], { environment });
    expect((await preview('--organisation', uuid(1))).stdout).toMatch(
      /^Subject: From the university\n\nHello Ada Example:\n\n042042\n/m,
    );
    expect((await preview()).stdout).toMatch(/^Subject: Your sign-in code$/m);
    writeFileSync(join(folder, 'sign-in-code.txt'), 'From the university\n\nHello {naem}:\n\n{code}\n');
    const wrong = await preview();
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain(`${uuid(1)}/en/sign-in-code.txt:3: {naem} is no placeholder`);
    const serve = await work.run(['serve'], { environment });
    expect(serve.code).toBe(1);
    expect(serve.stderr).toContain(`${uuid(1)}/en/sign-in-code.txt:3: {naem} is no placeholder`);
  });

  test('a server and commands use one embedded store at the same time', async () => {
    const server = await work.serve();
    const signIn = (password = 'the password of ada') =>
      post(`${server.url}/auth/login`, { username: 'ada', password });
    const { body } = await signIn();
    const session = async () =>
      (await fetch(`${server.url}/v1/session`, { headers: { authorization: `Bearer ${body.access_token}` } }))
        .status;
    expect(await session()).toBe(200);
    expect((await work.run(['account', 'sign-out', 'ada'])).code).toBe(0);
    expect(await session()).toBe(401);

    await signIn('a wrong password');
    await signIn('a wrong password');
    expect((await signIn()).status).toBe(401);
    const shown = JSON.parse((await work.run(['account', 'show', 'ada', '--json'])).stdout);
    expect(shown.locked).toMatchObject({
      reason: expect.stringMatching(/^2 wrong passwords in a row, 2 are allowed/),
    });
    expect((await work.run(['account', 'unlock', 'ada'])).stderr).toMatch(/is unlocked/);
    expect((await signIn()).status).toBe(200);
    const [importing, ...statuses] = await Promise.all([
      work.run(['import', '-'], {
        input: Array.from({ length: 600 }, (_, index) =>
          JSON.stringify({ kind: 'account', id: uuid(1000 + index), username: `bulk${index}` }),
        ).join('\n'),
      }),
      ...Array.from({ length: 20 }, async () => (await signIn()).status),
    ]);
    expect(importing.code).toBe(0);
    expect(statuses).toEqual(new Array(20).fill(200));

    const rotated = JSON.parse((await work.run(['key', 'rotate', '--json'])).stdout) as { id: string }[];
    const published = async () =>
      (
        (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
      ).keys.map(({ kid }) => kid);
    for (
      let waited = 0;
      waited < 10_000 && !(await published()).includes(rotated[0]?.id ?? '');
      waited += 100
    )
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await published()).toContain(rotated[0]?.id);
    expect(JSON.parse((await work.run(['key', 'list', '--json'])).stdout)).toMatchObject([
      { state: 'signs' },
      { state: 'published', id: rotated[0]?.id },
    ]);

    const ended = await server.end('SIGTERM');
    expect(ended.code).toBe(0);
    for (const line of ended.stdout.trimEnd().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  });
});

describe('the progress line', () => {
  test('has a bar, the rate and the time left', () => {
    expect(progressLine(500, 0.25, 10, 'lines')).toBe(
      '████████░░░░░░░░░░░░░░░░░░░░░░  25 %  500 lines  50 lines/s  30 s left',
    );
    expect(progressLine(10, 0.01, 10, 'lines')).toMatch(/16 min 30 s left$/);
    expect(progressLine(500, null, 10, 'lines')).toBe('500 lines  50 lines/s');
  });
});
