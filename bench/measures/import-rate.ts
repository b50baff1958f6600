import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { argon2Floor } from '../argon2-floor.ts';
import type { Plan } from '../plan.ts';
import { type Figure, plainFigure } from '../report/results.ts';
import { PASSWORD } from '../scenarios.ts';
import { type BenchStore, directoryLine, environment, PROGRAM, passwordHashAtDefaults } from '../subject.ts';
import { peakMib } from './started.ts';

const FLOOR_SECONDS = 3;
const PLAIN_ROUNDS = 3;

/** What an import came to. */
interface Imported {
  readonly store: BenchStore;
  readonly seconds: number;
  readonly mib: number;
}

/** Imports so many accounts into a new store, with the start and the end of the program. */
async function importAccounts(count: number, lineOf: (index: number) => string): Promise<Imported> {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  const begun = performance.now();
  const child = spawn(PROGRAM, ['import', '-'], {
    cwd: directory,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: environment(),
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  function* lines() {
    for (let index = 0; index < count; index += 1) yield `${lineOf(index)}\n`;
  }
  const { result: code, mib } = await peakMib([child.pid ?? 0], async () => {
    await pipeline(Readable.from(lines()), child.stdin);
    return ended;
  });
  if (code !== 0) throw new Error(`the import ended with ${code}`);
  return {
    store: { directory, usernames: [], remove: () => rmSync(directory, { recursive: true, force: true }) },
    seconds: (performance.now() - begun) / 1000,
    mib,
  };
}

/** What names somebody, the same in every run, so that each account comes to another place of every index. */
function scattered(index: number): object {
  const digits = createHash('sha256').update(String(index)).digest('hex');
  const id = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  return { id, username: `p${digits.slice(32, 44)}`, email: `${digits.slice(44, 56)}@example.com` };
}

/**
 * Accounts a second that an import takes: with hashes that are given, in the order of all that names them and in none, and with plain passwords beside nothing but hashing.
 * @returns the store of the first, too: others measure with it
 */
export async function measureImport(
  subject: string,
  plan: Plan,
): Promise<{ readonly figures: Figure[]; readonly store: BenchStore }> {
  const hash = passwordHashAtDefaults();
  const { importedAccounts: count, importedPasswords: plain } = plan;
  const given = await importAccounts(count, (index) => directoryLine(index, hash));
  const outOfOrder = await importAccounts(count, (index) => directoryLine(index, hash, scattered));
  outOfOrder.store.remove();
  return {
    store: given.store,
    figures: [
      plainFigure('import-hashes', subject, count, [count / given.seconds]),
      plainFigure('import-scattered', subject, count, [count / outOfOrder.seconds]),
      plainFigure('import-memory', subject, count, [Math.max(given.mib, outOfOrder.mib)]),
      plainFigure('import-plain', subject, plain, await plainImports(plain)),
    ],
  };
}

/** What imports of plain passwords come to, each as a part of what hashing alone came to before and after it. */
async function plainImports(count: number): Promise<number[]> {
  const parts: number[] = [];
  let before = await argon2Floor(FLOOR_SECONDS);
  for (let round = 0; round < PLAIN_ROUNDS; round += 1) {
    const hashed = await importAccounts(count, (index) =>
      directoryLine(index, null, () => ({ password: `${PASSWORD} ${index}` })),
    );
    hashed.store.remove();
    const after = await argon2Floor(FLOOR_SECONDS);
    parts.push(count / hashed.seconds / ((before.perSecond + after.perSecond) / 2));
    before = after;
  }
  return parts;
}
