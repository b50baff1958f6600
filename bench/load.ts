import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadSummary } from './load-client.ts';
import { PASSWORD } from './scenarios.ts';

const WARM_UP_MILLISECONDS = 500;

/** Runs one load in a process of its own. @param given what differs from the usual */
export function load(
  given: Omit<LoadOrder, 'warmUpMilliseconds'> & Partial<LoadOrder>,
): Promise<LoadSummary> {
  const order: LoadOrder = { warmUpMilliseconds: WARM_UP_MILLISECONDS, ...given };
  return inProcess('load-client.ts', order) as Promise<LoadSummary>;
}

/**
 * Runs a client in a process of its own: what it does costs the server's event loop nothing.
 * @param file beside this one; it takes the order as JSON on its standard input
 * @returns what it has printed, as JSON
 */
export function inProcess(file: string, order: object): Promise<unknown> {
  return new Promise<string>((resolve, reject) => {
    const client = fileURLToPath(new URL(file, import.meta.url));
    const child = spawn(process.execPath, [client], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(JSON.stringify(order));
    let output = '';
    child.stdout.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    // What it prints may arrive after its end.
    child.once('close', (code) => {
      if (code !== 0) reject(new Error(`the load client ended with ${code}`));
      else resolve(output);
    });
  }).then((output) => JSON.parse(output) as unknown);
}

/** What a sign-in gives. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

async function signIn(url: string, username: string): Promise<Tokens> {
  const response = await fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: PASSWORD }),
  });
  if (response.status !== 200) throw new Error(`a sign-in was answered with ${response.status}`);
  return (await response.json()) as Tokens;
}

/** Fresh sessions, a few at a time. */
export async function sessions(url: string, usernames: readonly string[], count: number): Promise<Tokens[]> {
  const all: Tokens[] = [];
  for (let at = 0; at < count; at += 8) {
    const names = Array.from({ length: Math.min(8, count - at) }, (_, index) => usernames[at + index] ?? '');
    all.push(...(await Promise.all(names.map((name) => signIn(url, name)))));
  }
  return all;
}
