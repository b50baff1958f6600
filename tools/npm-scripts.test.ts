import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

// `npm start` and `npm run dev` as they are typed, in a copy of the repository that has its packages and nothing else: no build, no data.
let copy = '';
const started = new Set<ChildProcess>();
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
  for (const path of ['server', 'client', 'verifier', 'bench', 'tools']) {
    cpSync(join(ROOT, path), join(copy, path), {
      recursive: true,
      filter: (source) => !/\/(dist|node_modules|data)$|\.tsbuildinfo$/.test(source),
    });
  }
  for (const path of ['package.json', 'package-lock.json', 'tsconfig.base.json'])
    cpSync(join(ROOT, path), join(copy, path));
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '.installed-from')
      symlinkSync(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name));
  const lockFile = readFileSync(join(copy, 'package-lock.json'));
  writeFileSync(
    join(copy, 'node_modules', '.installed-from'),
    createHash('sha256').update(lockFile).digest('hex'),
  );
});
afterAll(() => {
  for (const child of started) process.kill(-(child.pid ?? 0), 'SIGKILL');
  rmSync(copy, { recursive: true, force: true });
});

/** The machine's own programs: those of this repository would bring its Node.js. */
const path = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
  .join(delimiter);

async function npm(...args: string[]) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(LATCHKEY_|npm_)/.test(name));
  const child = spawn('npm', args, {
    cwd: copy,
    env: { ...Object.fromEntries(inherited), PATH: path, LATCHKEY_LISTEN_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  started.add(child);
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => {
      output.text += piece.toString();
    });
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (code) => {
      started.delete(child);
      resolve(code);
    }),
  );
  while (!output.text.includes('/docs\n') && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return { output, ended, child };
}

test('builds, loads the demo once, prints lines that can be pasted, and ends with npm', {
  timeout: 120_000,
}, async () => {
  const keys: string[] = [];
  for (const isFirst of [true, false]) {
    const { output, ended, child } = await npm('start');
    expect(output.text.includes('loaded the demo directory'), output.text).toBe(isFirst);
    const lines = output.text.split('\n').filter((line) => line.startsWith('curl '));
    expect(lines.length).toBeGreaterThanOrEqual(5);
    for (const line of lines)
      expect(execFileSync('bash', ['-c', line], { encoding: 'utf8' }), line).toMatch(/[tT]oken"/);
    keys.push(readFileSync(join(copy, 'data', 'secret.key'), 'utf8'));
    // To npm alone, as whoever started it would.
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const url = /listening on (http:\S+)/.exec(output.text)?.[1] ?? '';
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  }
  expect(keys[0]).toBe(keys[1]);
  expect(existsSync(join(copy, 'data', 'latchkey.db'))).toBe(true);
});

test('from the sources serves the same, and again after a change', { timeout: 120_000 }, async () => {
  const { output, ended, child } = await npm('run', 'dev');
  const signIn = () =>
    execFileSync('bash', ['-c', /^curl .*$/m.exec(output.text)?.[0] ?? ''], { encoding: 'utf8' });
  expect(signIn(), output.text).toMatch(/"token"/);
  output.text = '';
  const source = join(copy, 'server', 'src', 'version.ts');
  writeFileSync(source, readFileSync(source));
  while (!output.text.includes('/docs\n')) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(signIn(), output.text).toMatch(/"token"/);
  child.kill('SIGTERM');
  await ended;
  const url = /listening on (http:\S+)/.exec(output.text)?.[1] ?? '';
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});

test.each(['bench', 'timing', 'fuzz', 'faults', 'mutate'])(
  'npm run %s says how it is used',
  {
    timeout: 120_000,
  },
  (script) => {
    const usage = execFileSync('npm', ['run', '--silent', script, '--', '--help'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(usage).toContain(`usage: npm run ${script} --`);
  },
);
