import { setTimeout } from 'node:timers/promises';
import type { Contender, StoreSize } from '../contenders/contender.ts';
import { residentMib } from '../process-times.ts';
import { type Figure, plainFigure } from '../report/results.ts';
import { type Started, untilIdle } from './started.ts';

const SETTLE_MILLISECONDS = 1000;
/** Fewer are lost in a page of the file. */
const FEWEST_SIGN_INS = 50;

/** What processes have in memory that were started, answered once and do nothing. */
export async function idleFigures(started: readonly Started[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { contender, running } of started) {
    await untilIdle(running.pids);
    figures.push(plainFigure('memory-idle', contender.name, null, [residentMib(running.pids)]));
  }
  return figures;
}

/** What the stores of those take that have one to themselves, while none of them runs. */
export async function sizesOf(contenders: readonly Contender[]): Promise<Map<string, StoreSize>> {
  await setTimeout(SETTLE_MILLISECONDS);
  return new Map(
    contenders.flatMap(({ name, storeSize }) =>
      storeSize === undefined ? [] : [[name, storeSize()] as const],
    ),
  );
}

/** Bytes of the disk for an account, and for a sign-in with all that it leaves behind: session, history, audit. */
export function diskFigures(
  before: ReadonlyMap<string, StoreSize>,
  after: ReadonlyMap<string, StoreSize>,
  accounts: number,
): Figure[] {
  return [...before].flatMap(([name, { bytes, sessions }]) => {
    const account = plainFigure('disk-account', name, accounts, [bytes / accounts]);
    const later = after.get(name);
    if (later === undefined || later.sessions - sessions < FEWEST_SIGN_INS) return [account];
    const each = (later.bytes - bytes) / (later.sessions - sessions);
    return [account, plainFigure('disk-session', name, later.sessions - sessions, [each])];
  });
}
