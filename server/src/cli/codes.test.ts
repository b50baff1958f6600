import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorkplace, type Workplace } from '../../testing/process.ts';

const END = '2099-01-01T00:00:00.000Z';
const LINES = [
  { kind: 'resource', context: 'hall', code: 'A1B2C3', expiresAt: END },
  { kind: 'resource', context: 'hall', code: 'K7WQ2-M9XTR-4HZPD', expiresAt: END },
  { kind: 'resource', context: 'hall', code: 'D4E5F6' },
].map((line) => JSON.stringify(line));

describe('RC-1: resource codes at the command line', () => {
  let work: Workplace;
  beforeAll(() => {
    work = makeWorkplace({ LATCHKEY_SIGN_IN_PER_CONTEXT: '{"count":1000,"seconds":3600}' });
    writeFileSync(join(work.directory, 'codes.jsonl'), LINES.join('\n'));
  });
  afterAll(() => work.remove());

  const SHORT = 'code is short enough to be guessed: it is';

  test('an import refuses those that could be guessed when it is told to', async () => {
    const { code, stderr } = await work.run(['import', '--refuse-guessable-codes', 'codes.jsonl']);
    expect(code).toBe(1);
    expect(stderr.split('\n')).toEqual([
      `codes.jsonl:1: ${SHORT} the only live one at the context "hall"`,
      `codes.jsonl:3: ${SHORT} one of 2 live ones at the context "hall"`,
      '1 created, 0 updated, 0 unchanged, 2 refused',
      '',
    ]);
  });

  test('else it loads and tells of them, and of those without an end', async () => {
    const { code, stderr } = await work.run(['import', 'codes.jsonl']);
    expect(code).toBe(0);
    expect(stderr.split('\n')).toEqual([
      `codes.jsonl:1: warning: ${SHORT} one of 2 live ones at the context "hall"`,
      `codes.jsonl:3: warning: ${SHORT} one of 3 live ones at the context "hall"`,
      '2 lines have a resource code that is short enough to be guessed',
      '1 lines have a resource code without an end, the first in codes.jsonl:3',
      '2 created, 0 updated, 1 unchanged, 0 refused',
      '',
    ]);
  });

  test('the report has them, and the help has the option', async () => {
    const { stdout } = await work.run(['import', '--json', '--dry-run', 'codes.jsonl']);
    expect(JSON.parse(stdout)).toMatchObject({
      unchanged: 3,
      counts: { refused: 0, guessableCodes: 2, endlessCodes: 1 },
      guessableCodes: [
        { source: 'codes.jsonl', lineNumber: 1, context: 'hall', liveCodes: 3 },
        { source: 'codes.jsonl', lineNumber: 3, context: 'hall', liveCodes: 3 },
      ],
      endlessCodes: [{ source: 'codes.jsonl', lineNumber: 3 }],
    });
    expect((await work.run(['import', '--help'])).stdout).toContain('--refuse-guessable-codes');
  });

  test('how short that is goes by the limit that is set', async () => {
    const environment = { LATCHKEY_SIGN_IN_PER_CONTEXT: '{"count":1,"seconds":86400}' };
    const { stdout } = await work.run(['import', '--json', '--dry-run', 'codes.jsonl'], { environment });
    expect(JSON.parse(stdout)).toMatchObject({ guessableCodes: [] });
  });
});
