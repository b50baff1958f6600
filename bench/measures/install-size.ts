import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PEERS } from '../contenders/install-peers.ts';
import { BETTER_AUTH, EXPRESS, LATCHKEY, OIDC_PROVIDER } from '../contenders/names.ts';
import { type Figure, plainFigure } from '../report/results.ts';

/** What is published, which the bench has built: the server with its libraries inside. */
const PACKAGE = fileURLToPath(new URL('../../dist/latchkey', import.meta.url));

/** What each peer needs in production, of all that the peers have together. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  [BETTER_AUTH]: ['better-auth', 'better-sqlite3', '@node-rs/argon2'],
  [EXPRESS]: ['express', 'argon2', 'jsonwebtoken', 'better-sqlite3'],
  [OIDC_PROVIDER]: ['oidc-provider', 'better-sqlite3'],
};

/** How many packages a production install has, and how many megabytes. */
export function measureInstalls(): Figure[] {
  const peers = JSON.parse(readFileSync(join(PEERS, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  const packed = mkdtempSync(join(tmpdir(), 'bench-pack-'));
  const made = execFileSync('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', packed], {
    cwd: PACKAGE,
    encoding: 'utf8',
  });
  const [tarball] = JSON.parse(made) as { filename: string }[];
  const figures = installed(LATCHKEY, { latchkey: `file:${join(packed, tarball?.filename ?? '')}` });
  rmSync(packed, { recursive: true, force: true });
  for (const [name, needed] of Object.entries(NEEDED)) {
    const wanted = needed.map((each) => [each, peers.dependencies[each] ?? '']);
    figures.push(...installed(name, Object.fromEntries(wanted)));
  }
  return figures;
}

function installed(subject: string, dependencies: Readonly<Record<string, string>>): Figure[] {
  const directory = mkdtempSync(join(tmpdir(), 'bench-install-'));
  try {
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies }));
    const options = ['--omit=dev', '--prefer-offline', '--no-fund', '--no-audit', '--loglevel=error'];
    execFileSync('npm', ['install', ...options], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
    const lock = readFileSync(join(directory, 'node_modules', '.package-lock.json'), 'utf8');
    const { packages } = JSON.parse(lock) as { packages: object };
    const kib = execFileSync('du', ['-sk', join(directory, 'node_modules')], { encoding: 'utf8' });
    return [
      plainFigure('install-packages', subject, null, [Object.keys(packages).length]),
      plainFigure('install-size', subject, null, [Number.parseInt(kib, 10) / 1024]),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
