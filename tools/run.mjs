// What `npm start`, `npm test` and every other script of package.json run: the tasks below. It must work on a machine that
// has an older Node.js and nothing installed: so it is plain JavaScript, installs what is missing, and hands over to the
// Node.js that the repository brings.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, 'node_modules', '.installed-from');
const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
const BIN = join(ROOT, 'node_modules', '.bin');

const TASKS = {
  start: ['server/dist/main.js', 'demo'],
  dev: ['--watch', '--watch-preserve-output', 'server/src/main.ts', 'demo'],
  test: ['node_modules/vitest/vitest.mjs', 'run'],
  check: ['tools/check.ts'],
  build: ['tools/build.ts'],
  bench: ['bench/bench.ts'],
  fuzz: ['conformance/fuzz/fuzz.ts'],
  timing: ['conformance/timing/timing.ts'],
  faults: ['conformance/faults/run.ts'],
  mutate: ['tools/mutation/mutate.ts'],
};

/** Installs the dependencies when they are not there, or not those of the lock file. */
function install() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  if (existsSync(NODE) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  process.stderr.write('installing the dependencies of package-lock.json\n');
  run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error']);
  writeFileSync(STAMP, wanted);
}

/** Runs a program to its end; ends this one with its exit code when that is not 0. */
function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Hands over to a program: signals go to it, and its end is ours. */
function become(args) {
  const env = { ...process.env, PATH: `${BIN}:${process.env.PATH ?? ''}` };
  const child = spawn(NODE, args, { cwd: ROOT, stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}

const [task = '', ...more] = process.argv.slice(2);
if (!Object.hasOwn(TASKS, task)) {
  process.stderr.write(`usage: node tools/run.mjs ${Object.keys(TASKS).join('|')}\n`);
  process.exit(2);
}
install();
if (!more.includes('--help')) {
  if (['start', 'fuzz', 'faults'].includes(task)) run(NODE, ['tools/build.ts']);
  // What is measured is what others install.
  if (['bench', 'timing'].includes(task)) run(NODE, ['tools/build.ts', '--package']);
}
become([...TASKS[task], ...more]);
