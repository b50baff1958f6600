import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { freePort } from '../../testing/postgres.ts';
import { makeWorkplace, type Workplace } from '../../testing/process.ts';

const BREACHED = 'otters hold hands';
const LINES = [
  { kind: 'organisation', id: uuid(1), name: 'Meadow', settings: { passwordWords: ['Otterball'] } },
  { kind: 'account', id: uuid(2), username: 'ada', password: 'password123' },
  { kind: 'account', id: uuid(3), username: 'ben', password: 'an honest password' },
  { kind: 'account', id: uuid(4), username: 'beatrice', password: 'beatrice1' },
  { kind: 'account', id: uuid(5), username: 'cy', organisation: uuid(1), password: 'otterball-1' },
  { kind: 'account', id: uuid(6), username: 'dee', password: 'zq7-kw0' },
  { kind: 'installation', installationId: 'kiosk-in-the-hall', password: 'kiosk-in-the-hall-1' },
].map((line) => JSON.stringify(line));
const GUESSABLE = [2, 4, 5, 7];

describe('passwords at the command line', () => {
  let work: Workplace;
  beforeAll(() => {
    work = makeWorkplace({ LATCHKEY_PASSWORDS_BREACHED_FILE: 'breached.txt' });
    const hash = createHash('sha1').update(BREACHED).digest('hex').toUpperCase();
    writeFileSync(join(work.directory, 'breached.txt'), `${hash}:4\r\n`);
    writeFileSync(join(work.directory, 'people.jsonl'), LINES.join('\n'));
  });
  afterAll(() => work.remove());

  test('an import tells which lines have one that is easy to guess, and refuses them when it is told to', async () => {
    const strict = await work.run(['import', '--refuse-listed-passwords', 'people.jsonl']);
    expect(strict.code).toBe(1);
    expect(strict.stderr.split('\n')).toEqual([
      ...[2, 4, 5].map((line) =>
        expect.stringContaining(`people.jsonl:${line}: password is too easy to guess`),
      ),
      'people.jsonl:6: password must have 8 to 1024 characters',
      expect.stringContaining('people.jsonl:7: password is too easy to guess'),
      '2 created, 0 updated, 0 unchanged, 5 refused',
      '',
    ]);
    const loaded = await work.run(['import', 'people.jsonl']);
    expect(loaded.code).toBe(1);
    expect(loaded.stderr.split('\n')).toEqual([
      'people.jsonl:6: password must have 8 to 1024 characters',
      ...GUESSABLE.map((line) =>
        expect.stringContaining(`people.jsonl:${line}: warning: password is too easy to guess`),
      ),
      '4 lines have a password that is too easy to guess',
      '4 created, 0 updated, 2 unchanged, 1 refused',
      '',
    ]);
    const { stdout } = await work.run(['import', '--json', '--dry-run', 'people.jsonl']);
    expect(JSON.parse(stdout)).toMatchObject({
      unchanged: 6,
      guessable: GUESSABLE.map((lineNumber) => ({ source: 'people.jsonl', lineNumber })),
    });
  });

  const create = (username: string, password: string, ...more: string[]) =>
    work.run(['account', 'create', '--username', username, '--password-stdin', ...more], { input: password });

  test.each([
    ['a listed one', 'password123'],
    ['a name of its owner’s', 'genevieve1'],
    ['a word of its home', 'otterball1', '--organisation', uuid(1)],
    ['a breached one', BREACHED],
  ])('no account is made with %s', async (_what, password, ...more) => {
    const refused = await create('genevieve', password, ...more);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^latchkey: password is too easy to guess/);
    expect((await work.run(['account', 'show', 'genevieve'])).code).toBe(1);
  });

  test('an account is made with one that is not', async () => {
    expect(await create('harriet', 'badgers do not')).toMatchObject({ code: 0, stderr: '' });
  });

  test('doctor looks at what passwords are held against', async () => {
    const finding = async (environment: Record<string, string>) => {
      const { stdout } = await work.run(['doctor', '--json'], { environment });
      const findings = JSON.parse(stdout) as { about: string; state: string; message: string }[];
      return findings.find(({ about }) => about === 'passwords');
    };
    expect(await finding({})).toMatchObject({ state: 'ok' });
    expect(await finding({ LATCHKEY_PASSWORDS_BREACHED_FILE: 'nothing.txt' })).toMatchObject({
      state: 'fail',
      message: expect.stringContaining('passwords.breachedFile: cannot read nothing.txt'),
    });
    const silent = `http://127.0.0.1:${await freePort()}/range`;
    expect(await finding({ LATCHKEY_PASSWORDS_BREACH_CHECK_URL: silent })).toMatchObject({ state: 'warn' });
  });

  test('no server starts with a file that cannot be read, or asks in clear over a network', async () => {
    const start = async (environment: Record<string, string>) => work.run(['serve'], { environment });
    const missing = await start({ LATCHKEY_PASSWORDS_BREACHED_FILE: 'nothing.txt' });
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^latchkey: passwords\.breachedFile: cannot read nothing\.txt/m);
    const open = await start({ LATCHKEY_PASSWORDS_BREACH_CHECK_URL: 'http://pwned.example.com/range' });
    expect(open.code).toBe(1);
    expect(open.stderr).toMatch(/passwords\.breachCheckUrl: must be an https URL/);
  });
});
