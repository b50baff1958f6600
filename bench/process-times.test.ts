import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { cpuMilliseconds, residentMib, threadTimes, treeOf } from './process-times.ts';

// A process that starts another one, which keeps a processor busy for a while, in a thread at the lowest priority.
const BUSY = `
  const { Worker } = require('node:worker_threads');
  const thread = "require('node:os').setPriority(19); while (process.threadCpuUsage().user < 100_000);" +
    "console.log('done'); setInterval(() => undefined, 1000)";
  new Worker(thread, { eval: true });
`;
const PARENT = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(BUSY)}], { stdio: 'inherit' }); setInterval(() => undefined, 1000)`;

test('processor time and memory are those of a process and all that it started', async () => {
  const child = spawn(process.execPath, ['-e', PARENT], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = child.pid ?? 0;
  try {
    await once(child.stdout, 'data');
    const tree = treeOf(pid);
    expect(tree).toHaveLength(2);
    const [, busy = 0] = tree;
    expect(cpuMilliseconds([pid])).toBeGreaterThanOrEqual(cpuMilliseconds([busy]));
    const { hashing } = threadTimes(busy);
    expect(hashing).toBeGreaterThanOrEqual(80);
    expect(cpuMilliseconds([busy])).toBeGreaterThanOrEqual(hashing);
    expect(residentMib([pid])).toBeGreaterThan(residentMib([busy]));
    process.kill(busy);
  } finally {
    child.kill();
  }
  await once(child, 'exit');
  expect(treeOf(pid)).toEqual([]);
  expect(cpuMilliseconds([pid])).toBe(0);
});
