import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Source } from './mutants.ts';

/** Makes a copy of the working tree in which these sources stand instead of their own. */
export function makeSandbox(root: string, sandbox: string, instead: readonly Source[]): void {
  rmSync(sandbox, { recursive: true, force: true });
  const texts = new Map(instead.map(({ path, text }) => [path, text]));
  for (const path of treeOf(root)) {
    const to = join(sandbox, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, texts.get(path) ?? readFileSync(join(root, path)));
  }
  for (const folder of ['.', 'server', 'client', 'verifier']) {
    const modules = join(root, folder, 'node_modules');
    if (existsSync(modules)) symlinkSync(modules, join(sandbox, folder, 'node_modules'));
  }
}

/** The files that belong to the project, committed or not. */
export function treeOf(root: string): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const isFile = (path: string) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile() ?? false;
  return listed.split('\0').filter((path) => path !== '' && isFile(path));
}
