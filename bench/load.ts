import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadOrder } from './load-client.ts';
import type { Summary } from './recorder.ts';

const CLIENT = fileURLToPath(new URL('load-client.ts', import.meta.url));
const WARM_UP_MILLISECONDS = 500;

/** Runs one load in a process of its own. @param given what differs from the usual */
export function load(given: Omit<LoadOrder, 'warmUpMilliseconds'> & Partial<LoadOrder>): Promise<Summary> {
  const order: LoadOrder = { warmUpMilliseconds: WARM_UP_MILLISECONDS, ...given };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(JSON.stringify(order));
    let output = '';
    child.stdout.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    child.once('exit', (code) =>
      code === 0
        ? resolve(JSON.parse(output) as Summary)
        : reject(new Error(`the load client ended with ${code}`)),
    );
  });
}
