import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashSync } from '@node-rs/argon2';
import { cpuMilliseconds, residentMib } from './process-times.ts';
import { PASSWORD } from './scenarios.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The program as it is installed. */
export const PROGRAM = join(ROOT, 'dist', 'latchkey', 'bin', 'latchkey');

/** A server that is being measured. */
export interface Subject {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to its first answer. */
  readonly startMilliseconds: number;
  /** Of all its processes. */
  memoryMib(): number;
  /** What its processes have used of the processors so far. */
  cpuMilliseconds(): number;
  /** What the process had written to files so far. */
  writtenBytes(): number;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** A folder with a store of that many people in it. */
export interface BenchStore {
  readonly directory: string;
  readonly usernames: readonly string[];
  remove(): void;
}

/** A hash of everybody's password, at the server's own cost. */
export function passwordHashAtDefaults(): string {
  return hashSync(PASSWORD, { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 });
}

/**
 * Makes a store and loads people into it, all with the same password.
 * @param more what else the directory line of each has
 */
export function makeStore(
  people: number,
  passwordHash: string = passwordHashAtDefaults(),
  more: (index: number) => object = () => ({}),
): BenchStore {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  const usernames = Array.from({ length: people }, (_, index) => `person${index}`);
  execFileSync(PROGRAM, ['import', '-'], {
    cwd: directory,
    input: usernames.map((_, index) => directoryLine(index, passwordHash, more)).join('\n'),
    stdio: ['pipe', 'ignore', 'ignore'],
    env: environment(),
  });
  return { directory, usernames, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** The line of one account in a directory file. */
export function directoryLine(
  index: number,
  passwordHash: string | null,
  more: (index: number) => object = () => ({}),
): string {
  const username = `person${index}`;
  return JSON.stringify({
    kind: 'account',
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    username,
    email: `${username}@example.com`,
    emailValidated: true,
    ...(passwordHash === null ? {} : { passwordHash }),
    user: { name: username },
    ...more(index),
  });
}

/** Starts the server as it is installed, with its defaults, on the store of a folder. */
export function latchkeyIn(directory: string, options: readonly string[] = []): Promise<Subject> {
  return start(PROGRAM, ['serve', ...options], directory);
}

/** Starts the floor's server. */
export function startEcho(): Promise<Subject> {
  return start(process.execPath, [fileURLToPath(new URL('echo-server.ts', import.meta.url))], ROOT);
}

/** This process's environment without settings of the product's, but for those of every run. */
export function environment(): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('LATCHKEY_')),
  );
  return { ...inherited, LATCHKEY_LISTEN_PORT: '0', LATCHKEY_LISTEN_DRAIN_MILLISECONDS: '0' };
}

/** Whatever ends the bench ends what it has started. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill();
});

/**
 * Starts a program that says where it listens.
 * @param settings more settings, as environment variables
 * @param path what it is asked for first; its answer ends the start
 */
export async function start(
  program: string,
  args: readonly string[],
  cwd: string,
  settings: Readonly<Record<string, string>> = {},
  path = '/livez',
): Promise<Subject> {
  const begun = performance.now();
  const child = spawn(program, args, {
    cwd,
    env: { ...environment(), ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const url = await listening(child);
  await fetch(`${url}${path}`);
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process');
  return {
    url,
    pid,
    startMilliseconds: performance.now() - begun,
    memoryMib: () => residentMib([pid]),
    cpuMilliseconds: () => cpuMilliseconds([pid]),
    writtenBytes: () =>
      Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0),
    signal: (name) => child.kill(name),
    stop: () =>
      new Promise((resolve) => {
        if (!running.has(child)) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (piece: Buffer) => {
      said += piece.toString();
      const url = /listening on (http:\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', () => reject(new Error(`the server did not start: ${said}`)));
  });
}
