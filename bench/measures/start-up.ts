import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figure, plainFigure } from '../report/results.ts';
import { alternate } from '../rounds.ts';
import { latchkeyIn } from '../subject.ts';

/** What can be started again and again. */
interface Startable {
  readonly name: string;
  start(): Promise<{ readonly startMilliseconds: number; stop(): Promise<void> }>;
}

/** Milliseconds from the start of a process to its first answer, on a store that has its accounts. */
export async function measureStarts(
  contenders: readonly Startable[],
  accounts: number,
  starts: number,
): Promise<Figure[]> {
  const turns = contenders.map((contender) => ({
    name: contender.name,
    async round() {
      const { startMilliseconds, stop } = await contender.start();
      await stop();
      return startMilliseconds;
    },
  }));
  const rounds = await alternate(turns, { rounds: starts, extraRounds: 0 }, (value) => value);
  return turns.map(({ name }, index) => plainFigure('start-existing', name, accounts, rounds[index] ?? []));
}

/** The same for Latchkey in a folder that has nothing: it makes its store and its keys first. */
export async function measureNewStarts(subject: string, starts: number): Promise<Figure> {
  const rounds: number[] = [];
  for (let round = 0; round < starts; round += 1) {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
    const { startMilliseconds, stop } = await latchkeyIn(directory);
    await stop();
    rmSync(directory, { recursive: true, force: true });
    rounds.push(startMilliseconds);
  }
  return plainFigure('start-new', subject, null, rounds);
}
