import { expect, test, vi } from 'vitest';
import { printTable } from './output.ts';

test('a table may have more rows than a call may have arguments', async () => {
  let printed = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text, done) => {
    printed += text;
    (done as unknown as () => void)();
    return true;
  });
  const rows = Array.from({ length: 160_000 }, (_, index) => [String(index), 'x']);
  const widths = await printTable(['N', 'X'], rows).finally(() => write.mockRestore());
  expect(widths).toEqual([6, 1]);
  expect(printed.split('\n').at(-2)).toBe('159999  x');
});
