import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Drill } from './fault.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A copy of the program as it was built, with more migrations: what the next version is to this one.
 * @param migrations their text, by the name of the file
 * @returns the program's path
 */
export function makeNextVersion(drill: Drill, migrations: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-next-'));
  drill.later(() => rmSync(directory, { recursive: true, force: true }));
  for (const part of ['bin', 'dist', 'migrations', 'package.json'])
    cpSync(join(ROOT, 'server', part), join(directory, 'server', part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  for (const [name, text] of Object.entries(migrations))
    writeFileSync(join(directory, 'server', 'migrations', name), text);
  return join(directory, 'server', 'bin', 'latchkey');
}
