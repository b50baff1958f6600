import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment } from '../subject.ts';

/**
 * A folder with a generated store of that many accounts and sessions; what is there already is taken as it is.
 * @returns the store's file
 */
export function generatedStore(folder: string, accounts: number, sessions: number): string {
  const file = join(folder, 'data', 'latchkey.db');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const program = fileURLToPath(new URL('generate.ts', import.meta.url));
  const args = [program, '--accounts', String(accounts), '--sessions', String(sessions)];
  const stdio: ['ignore', 'inherit', 'inherit'] = ['ignore', 'inherit', 'inherit'];
  execFileSync(process.execPath, args, { cwd: folder, stdio, env: environment() });
  return file;
}
