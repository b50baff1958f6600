import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLIENT = fileURLToPath(new URL('../', import.meta.url));
const COMPILER = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));

/** A folder in which the package is installed as it would be published. */
export interface Installed {
  readonly directory: string;
  /** The built modules. */
  readonly modules: string;
  remove(): void;
}

/** Builds the package and installs it in a folder of its own. */
export function installBuiltPackage(): Installed {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
  const home = join(directory, 'node_modules', '@latchkey', 'client');
  const modules = join(home, 'dist');
  mkdirSync(home, { recursive: true });
  copyFileSync(join(CLIENT, 'package.json'), join(home, 'package.json'));
  execFileSync(COMPILER, [
    ...['-p', CLIENT, '--outDir', modules],
    ...['--composite', 'false', '--incremental', 'false'],
  ]);
  return { directory, modules, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
