import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashSync } from '@node-rs/argon2';
import { PASSWORD } from './scenarios.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The program as it is installed. */
export const PROGRAM = join(ROOT, 'node_modules', '.bin', 'latchkey');

/** A server that is being measured. */
export interface Subject {
  readonly url: string;
  /** From the start of the process to its first answer. */
  readonly startMilliseconds: number;
  memoryMib(): number;
  /** What the process has used so far: milliseconds of processor, and bytes that it had written to files. */
  used(): { readonly cpuMilliseconds: number; readonly writtenBytes: number };
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
function passwordHashAtDefaults(): string {
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
  const lines = usernames.map((username, index) =>
    JSON.stringify({
      kind: 'account',
      id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      username,
      email: `${username}@example.com`,
      emailValidated: true,
      passwordHash,
      user: { name: username },
      ...more(index),
    }),
  );
  execFileSync(PROGRAM, ['import', '-'], {
    cwd: directory,
    input: lines.join('\n'),
    stdio: ['pipe', 'ignore', 'ignore'],
    env: environment(),
  });
  return { directory, usernames, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Starts the server as it is installed, with its defaults. */
export function startLatchkey(store: BenchStore): Promise<Subject> {
  return start(PROGRAM, ['serve'], store.directory);
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

/** Starts a program that says where it listens. @param settings more settings, as environment variables */
export async function start(
  program: string,
  args: readonly string[],
  cwd: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Subject> {
  const begun = performance.now();
  const child = spawn(program, args, {
    cwd,
    env: { ...environment(), ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const url = await listening(child);
  await fetch(`${url}/livez`);
  return {
    url,
    startMilliseconds: performance.now() - begun,
    memoryMib: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    used: () => ({
      cpuMilliseconds: cpuMillisecondsOf(readFileSync(`/proc/${child.pid}/stat`, 'utf8')),
      writtenBytes: Number(
        /^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${child.pid}/io`, 'utf8'))?.[1] ?? 0,
      ),
    }),
    signal: (name) => child.kill(name),
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

/** A tick of what the kernel counts, everywhere that we run. */
const TICK_MILLISECONDS = 10;

/** User and system time, fields 14 and 15 of proc(5); the name before them may hold spaces. */
function cpuMillisecondsOf(stat: string): number {
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) * TICK_MILLISECONDS;
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
