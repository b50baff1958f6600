import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { keptLog, movableClock } from '../../testing/ports.ts';
import { openBreachedFile } from './breached-file.ts';
import { createPasswordPolicy, type PasswordSettings } from './policy.ts';

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase();

async function policyOf(settings: PasswordSettings = {}) {
  const [clock, log] = [movableClock(), keptLog()];
  const policy = await createPasswordPolicy(settings, { clock, log });
  onTestFinished(() => policy.close());
  return { policy, clock, log };
}

describe('a password that is set', () => {
  test.each([
    ['seven characters', 'zq7-kw0', 'password-length'],
    ['seven that are sixteen bytes', '😀é😀é😀é😀', 'password-length'],
    ['seven in NFC', 'zq7-kwe\u0301', 'password-length'],
    ['eight', 'zq7-kw0v', null],
    ['eight astral ones', '😀🦦😀🦦😀🦦😀🦦', null],
    ['1,024', 'zq 7'.repeat(256), null],
    ['1,024 that are 2,048 in UTF-16', '🦦'.repeat(1024), null],
    ['1,025', `${'zq 7'.repeat(256)}v`, 'password-length'],
    ['one that everybody tries', 'Password1', 'password-listed'],
    ['a listed one with a year', 'sunshine2024', 'password-listed'],
    ['words that nobody lists', 'correct horse battery staple', null],
    ['a word of the owner’s', 'meadow-2024', 'password-listed'],
  ])('%s', async (_what, password, problem) => {
    const { policy } = await policyOf();
    expect(await policy.problemWith(password, ['Meadow'])).toBe(problem);
  });

  test('is looked up by many at once, and after the end no more', async () => {
    const { policy } = await policyOf();
    const asked = Array.from({ length: 200 }, (_, index) =>
      policy.problemWith(index % 2 ? 'iloveyou' : 'zq7-kw0v', []),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer === 'password-listed')).toHaveLength(100);
    await policy.close();
    await expect(policy.problemWith('zq7-kw0v', [])).rejects.toThrow('closed');
  });
});

/** A range service that knows some passwords, as Have I Been Pwned answers. */
async function rangeService(answer: (prefix: string, response: ServerResponse) => void) {
  const asked: { path: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', headers: request.headers });
    answer(request.url?.split('/').at(-1) ?? '', response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/range`, asked };
}

function padded(prefix: string, breached: readonly string[], onlyPadding: readonly string[] = []): string {
  const lines = (texts: readonly string[], count: number) =>
    texts.map(sha1).flatMap((hash) => (hash.startsWith(prefix) ? [`${hash.slice(5)}:${count}`] : []));
  const others = Array.from({ length: 900 }, (_, index) => `${sha1(String(index)).slice(5)}:0`);
  return [
    ...others.slice(400),
    ...lines(onlyPadding, 0),
    ...lines(breached, 17),
    ...others.slice(0, 400),
  ].join('\r\n');
}

const BREACHED = 'otters hold hands';
const CLEAN = 'badgers do not';

describe('a range service', () => {
  test('learns five digits, asks for padding, and is remembered for an hour', async () => {
    const { url, asked } = await rangeService((prefix, response) =>
      response.end(padded(prefix, [BREACHED], [CLEAN])),
    );
    const { policy, clock } = await policyOf({ breachCheckUrl: url });
    expect(await policy.problemWith(BREACHED, [])).toBe('password-listed');
    expect(await policy.problemWith(CLEAN, [])).toBe(null);
    expect(asked.map(({ path }) => path)).toEqual(
      [BREACHED, CLEAN].map((text) => `/range/${sha1(text).slice(0, 5)}`),
    );
    expect(asked[0]?.headers['add-padding']).toBe('true');
    expect(await policy.problemWith(BREACHED, [])).toBe('password-listed');
    expect(policy.rangeCounts).toEqual({ asked: 2, remembered: 1, failed: 0 });
    clock.advance(3601);
    expect(await policy.problemWith(BREACHED, [])).toBe('password-listed');
    expect(policy.rangeCounts).toEqual({ asked: 3, remembered: 1, failed: 0 });
  });

  test('is not asked about what is refused anyway', async () => {
    const { url, asked } = await rangeService((_, response) => response.end());
    const { policy } = await policyOf({ breachCheckUrl: url });
    await policy.problemWith('short', []);
    await policy.problemWith('password', []);
    expect(asked).toEqual([]);
  });

  test('is asked in the form in which a password is hashed', async () => {
    const { url, asked } = await rangeService((prefix, response) =>
      response.end(padded(prefix, ['käse und brot'])),
    );
    const { policy } = await policyOf({ breachCheckUrl: url });
    expect(await policy.problemWith('ka\u0308se und brot', [])).toBe('password-listed');
    expect(asked[0]?.path).toBe(`/range/${sha1('käse und brot').slice(0, 5)}`);
  });

  test.each<[string, (prefix: string, response: ServerResponse) => void]>([
    ['fails', (_, response) => response.writeHead(503).end('busy')],
    ['redirects', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['hangs', () => undefined],
    ['drops the connection', (_, response) => void response.destroy()],
    ['says too much', (_, response) => response.end('0'.repeat(300_000))],
  ])('that %s keeps nobody from setting a password, is counted and told', async (_how, answer) => {
    const { url, asked } = await rangeService(answer);
    const { policy, log } = await policyOf({ breachCheckUrl: url });
    expect(await policy.problemWith(BREACHED, [])).toBe(null);
    expect(policy.rangeCounts).toMatchObject({ asked: 1, failed: 1 });
    expect(log.lines).toMatchObject([
      { level: 'warn', message: 'a password was not looked up among the breached ones' },
    ]);
    expect(JSON.stringify(log.lines)).not.toContain(sha1(BREACHED).slice(0, 5));
    // The next question goes out again: a failure is not remembered.
    await policy.problemWith(BREACHED, []);
    expect(asked).toHaveLength(2);
  });
});

describe('a file of breached passwords', () => {
  const folder = mkdtempSync(join(tmpdir(), 'breached-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let files = 0;
  const write = (content: string): string => {
    files += 1;
    const path = join(folder, `${files}.txt`);
    writeFileSync(path, content);
    return path;
  };
  const lineOf = (hash: string, index: number, end: string) =>
    `${hash}${index % 3 ? `:${10 ** (index % 9)}` : ''}${end}`;

  test.each([
    ['with the line ends of the download', '\r\n', true],
    ['without an end of the last line', '\n', false],
  ])('%s, of any number of lines', async (_what, end, ends) => {
    for (const count of [1, 2, 3, 4, 7, 64, 501]) {
      const hashes = Array.from({ length: count }, (_, index) => sha1(`breached ${index}`)).sort();
      const text = hashes.map((hash, index) => lineOf(hash, index, end)).join('');
      const file = await openBreachedFile(write(ends ? text : text.trimEnd()));
      for (const hash of hashes) expect(await file.has(hash)).toBe(true);
      for (let index = 0; index < 200; index += 1) expect(await file.has(sha1(`clean ${index}`))).toBe(false);
      for (const edge of ['0'.repeat(40), 'F'.repeat(40)]) expect(await file.has(edge)).toBe(false);
      await file.close();
    }
  });

  test('refuses what is in it', async () => {
    const hashes = [BREACHED, 'another', 'a third'].map(sha1).sort();
    const { policy } = await policyOf({
      breachedFile: write(hashes.map((hash) => `${hash}:1\r\n`).join('')),
    });
    expect(await policy.problemWith(BREACHED, [])).toBe('password-listed');
    expect(await policy.problemWith(CLEAN, [])).toBe(null);
    expect(policy.rangeCounts).toBe(null);
  });

  test.each([
    ['that is not there', () => join(folder, 'nothing')],
    ['that is a folder', () => folder],
    ['that is empty', () => write('')],
    ['of passwords in clear', () => write('password\n123456\n')],
  ])('%s stops the start', async (_what, path) => {
    await expect(policyOf({ breachedFile: path() })).rejects.toThrow(/passwords\.breachedFile: cannot read/);
  });
});
