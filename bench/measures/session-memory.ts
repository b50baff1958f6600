import { setTimeout } from 'node:timers/promises';
import { residentMib } from '../process-times.ts';
import { type Figure, plainFigure } from '../report/results.ts';
import { withManySessions } from './many-sessions.ts';
import { untilIdle } from './started.ts';

/** Hashing threads that have nothing to do have ended by then. */
const STANDING_MILLISECONDS = 75_000;

/** What Latchkey has in memory when so many sessions have just been begun, and while they stand. */
export function measureSessionMemory(subject: string, accounts: number, sessions: number): Promise<Figure[]> {
  return withManySessions(accounts, sessions, async ({ pid }) => {
    await untilIdle([pid]);
    const begun = residentMib([pid]);
    await setTimeout(STANDING_MILLISECONDS);
    return [
      plainFigure('memory-sessions-begun', subject, sessions, [begun]),
      plainFigure('memory-sessions', subject, sessions, [residentMib([pid])]),
    ];
  });
}
