import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Configuration, loadConfiguration } from '../src/config.ts';
import { TEST_SETTINGS } from './core.ts';

/** The program as it is installed, built by the run's set-up. */
export const PROGRAM = fileURLToPath(new URL('../../node_modules/.bin/latchkey', import.meta.url));

/** What a command did. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server in a process of its own. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Ends it, with that signal, and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<Finished>;
}

/** A folder to run commands in, with settings of its own. */
export interface Workplace {
  readonly directory: string;
  /** Runs a command to its end, or until it is killed, or told to stop. */
  run(
    args: readonly string[],
    options?: {
      input?: string;
      environment?: Record<string, string>;
      kill?: AbortSignal;
      stop?: AbortSignal;
    },
  ): Promise<Finished>;
  /**
   * Starts `serve`, or another command that serves, and waits until it listens.
   * @param wrapper a program and its first arguments that runs it in its own place, as `prlimit` does
   */
  serve(
    args?: readonly string[],
    environment?: Record<string, string>,
    wrapper?: readonly string[],
  ): Promise<RunningServer>;
  /** What its commands are configured with. */
  configuration(): Configuration;
  remove(): void;
}

const START_MILLISECONDS = 40_000;

/**
 * Makes a folder to run the program in, as a real process.
 * @param installed another program than the one that was built
 */
export function makeWorkplace(
  settings: Readonly<Record<string, string>> = {},
  installed = PROGRAM,
): Workplace {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-work-'));
  const running = new Set<ChildProcess>();
  const base = { ...TEST_SETTINGS, LATCHKEY_LISTEN_PORT: '0', ...settings };

  const start = (
    args: readonly string[],
    environment: Record<string, string> = {},
    wrapper: readonly string[] = [],
  ) => {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LATCHKEY_'));
    const env = { ...Object.fromEntries(inherited), ...base, ...environment };
    const [program = '', ...rest] = [...wrapper, installed, ...args];
    const child = spawn(program, rest, { cwd: directory, env, stdio: 'pipe' });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  };

  return {
    directory,
    async run(args, options = {}) {
      const child = start(args, options.environment);
      const output = collect(child);
      child.stdin.end(options.input ?? '');
      options.kill?.addEventListener('abort', () => child.kill('SIGKILL'));
      options.stop?.addEventListener('abort', () => child.kill('SIGTERM'));
      return finished(child, output);
    },
    async serve(args = ['serve'], environment = {}, wrapper = []) {
      const child = start(args, environment, wrapper);
      const output = collect(child);
      const url = await untilListening(child, output);
      return {
        url,
        pid: child.pid ?? 0,
        stdout: () => output.stdout,
        stderr: () => output.stderr,
        end(signal) {
          // It may have ended by itself: then nothing more comes.
          if (child.exitCode !== null || child.signalCode !== null)
            return Promise.resolve({ code: child.exitCode, ...output });
          const ended = finished(child, output);
          child.kill(signal);
          return ended;
        },
      };
    },
    configuration() {
      const store = { LATCHKEY_STORE_URL: `sqlite:${directory}/data/latchkey.db` };
      return loadConfiguration({ environment: { ...store, ...base }, directory });
    },
    remove() {
      // What a test that failed has left running.
      for (const child of running) child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Output {
  stdout: string;
  stderr: string;
}

function collect(child: ChildProcess): Output {
  const output: Output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (piece: Buffer) => {
    output.stdout += piece.toString();
  });
  child.stderr?.on('data', (piece: Buffer) => {
    output.stderr += piece.toString();
  });
  return output;
}

function finished(child: ChildProcess, output: Output): Promise<Finished> {
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })));
}

async function untilListening(child: ChildProcess, output: Output): Promise<string> {
  const deadline = Date.now() + START_MILLISECONDS;
  while (Date.now() < deadline) {
    const url = /listening on (http:\/\/\S+)/.exec(output.stderr)?.[1];
    if (url !== undefined) return url;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the server did not start: ${output.stdout}${output.stderr}`);
}
