import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { type CpuProfile, partsOf, profiled, sourceOf } from './cpu-profile.ts';
import { stepsOf } from './measures/sign-in-steps.ts';

/** Two modules in one file, as in a bundle: one works three times as long as the other, and asks a third for it. */
const BUNDLE = `import { setTimeout } from 'node:timers/promises';
// node_modules/busy/index.js
let sum = 0;
function busy(times) {
  for (let time = 0; time < times; time += 1) sum = (sum * 31 + time) % 1_000_003;
}
// server/src/tokens/access-token.ts
function mint() {
  busy(3_000_000);
}
// server/src/http/server.ts
function answer() {
  busy(1_000_000);
}
// server/src/main.ts
for (;;) {
  mint();
  answer();
  await setTimeout(5);
}
`;

function bundle(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-profile-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'main.mjs');
  writeFileSync(file, text);
  return file;
}

test('a process that runs is seen to spend its time where it does', async () => {
  const child = spawn(process.execPath, [bundle(BUNDLE)], { stdio: 'ignore' });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await delay(300);
  const { profile, result } = await profiled(child.pid ?? 0, () => delay(1500, 'done'));
  expect(result).toBe('done');
  const steps = stepsOf(profile);
  expect([...steps.values()].reduce((sum, each) => sum + each, 0)).toBeCloseTo(1);
  // What a library does is of the step that asked it, and what nobody did is of none.
  expect(steps.get('tokens')).toBeGreaterThan(steps.get('http') ?? 1);
  expect((steps.get('tokens') ?? 0) + (steps.get('http') ?? 0)).toBeGreaterThan(0.8);
});

test('the time of a sample is its caller’s where its own place has no name', () => {
  const frame = (functionName: string) => ({ functionName, url: '', lineNumber: 0 });
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2, 4, 5] },
      { id: 2, callFrame: frame('known'), children: [3] },
      { id: 3, callFrame: frame('unknown') },
      { id: 4, callFrame: frame('(idle)') },
      { id: 5, callFrame: frame('unknown') },
    ],
    samples: [2, 3, 4, 5],
    timeDeltas: [10, 20, 1000, 10],
  };
  const parts = partsOf(
    profile,
    ({ functionName }) => (functionName === 'known' ? 'ours' : null),
    'nobody’s',
  );
  expect(Object.fromEntries(parts)).toEqual({ ours: 0.75, 'nobody’s': 0.25 });
});

test('a line of a bundle is of the module that is named last before it', () => {
  const url = pathToFileURL(bundle(BUNDLE)).href;
  const at = (lineNumber: number) => sourceOf({ functionName: '', url, lineNumber });
  expect([0, 1, 5, 6, 10, 14].map(at)).toEqual([
    null,
    'node_modules/busy/index.js',
    'node_modules/busy/index.js',
    'server/src/tokens/access-token.ts',
    'server/src/http/server.ts',
    'server/src/main.ts',
  ]);
  expect(sourceOf({ functionName: 'write', url: 'node:net', lineNumber: 7 })).toBeNull();
});
