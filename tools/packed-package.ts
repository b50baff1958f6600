import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A package that others install, in a folder of its own, as the registry would hand it out. */
export interface PackedPackage {
  /** Where a program can import it. */
  readonly directory: string;
  /** The package itself. */
  readonly home: string;
  /** What is in the tarball. */
  readonly files: readonly string[];
  remove(): void;
}

/**
 * Builds a package, packs it, and unpacks the tarball where a program finds it. The workspace's own output is left alone.
 * @param dependencies the names of what else is to be found there, as it is installed in the repository
 */
export function installPacked(
  workspace: 'client' | 'verifier',
  dependencies: readonly string[] = [],
): PackedPackage {
  const directory = mkdtempSync(join(tmpdir(), `latchkey-${workspace}-`));
  const draft = join(directory, 'draft');
  const home = join(directory, 'node_modules', '@latchkey', workspace);
  for (const made of [draft, home]) mkdirSync(made, { recursive: true });
  const given = readdirSync(join(ROOT, workspace), { withFileTypes: true });
  for (const file of given.filter((entry) => entry.isFile()))
    copyFileSync(join(ROOT, workspace, file.name), join(draft, file.name));
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [
    ...['-p', join(ROOT, workspace), '--outDir', join(draft, 'dist')],
    ...['--composite', 'false', '--incremental', 'false'],
  ]);
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--loglevel=error'], {
    cwd: draft,
    encoding: 'utf8',
  });
  const [tarball] = JSON.parse(packed) as { filename: string; files: { path: string }[] }[];
  if (tarball === undefined) throw new Error(`npm packed nothing of ${workspace}`);
  execFileSync('tar', ['-xzf', join(draft, tarball.filename), '-C', home, '--strip-components=1']);
  for (const name of dependencies)
    symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name));
  return {
    directory,
    home,
    files: tarball.files.map(({ path }) => path),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
