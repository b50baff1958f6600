import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const LINES = 3000;

/** Writes its lines as fast as it can and ends when all are written. */
const WRITER = `
  import { logLines } from ${JSON.stringify(fileURLToPath(new URL('./log-lines.ts', import.meta.url)))};
  const lines = logLines(1);
  const name = process.argv[1];
  for (let count = 0; count < ${LINES}; count += 1) {
    lines.write(JSON.stringify({ name, count, filling: 'ä'.repeat(count % 7) + 'x'.repeat(count % 200) }) + '\\n');
    if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  lines.flush();
`;

test('processes that write to one pipe do not cut each other’s lines', { timeout: 60_000 }, async () => {
  const both = `"$0" --input-type=module -e "$1" one & "$0" --input-type=module -e "$1" other & wait`;
  const child = spawn('sh', ['-c', both, process.execPath, WRITER], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (piece: string) => {
    text += piece;
    // A reader that is slow: the pipe is full now and then, which is when pieces are cut.
    child.stdout.pause();
    setTimeout(() => child.stdout.resume(), 20);
  });
  await new Promise((resolve) => child.once('close', resolve));
  const lines = text.trimEnd().split('\n');
  expect(lines).toHaveLength(2 * LINES);
  for (const name of ['one', 'other']) {
    const counts = lines
      .map((line) => JSON.parse(line))
      .flatMap((line) => (line.name === name ? line.count : []));
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: LINES }, (_, index) => index));
  }
});
