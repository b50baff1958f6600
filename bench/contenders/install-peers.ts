import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the peers are, with a package of their own. */
export const PEERS = fileURLToPath(new URL('../peers', import.meta.url));
const STAMP = join(PEERS, 'node_modules', '.installed-from');
const TSC = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));

/** What is measured of others, by their packages. */
export function peerVersions(): Readonly<Record<string, string>> {
  const file = readFileSync(join(PEERS, 'package.json'), 'utf8');
  return (JSON.parse(file) as { readonly dependencies: Record<string, string> }).dependencies;
}

/** Installs what the peers need where that is not there yet, and builds them. */
export function preparePeers(): void {
  const wanted = createHash('sha256')
    .update(readFileSync(join(PEERS, 'package-lock.json')))
    .digest('hex');
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== wanted) {
    console.log('installing the peers from bench/peers/package-lock.json');
    execFileSync('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
      cwd: PEERS,
      stdio: 'inherit',
    });
    writeFileSync(STAMP, wanted);
  }
  execFileSync(TSC, ['-p', PEERS], { stdio: 'inherit' });
}
