import { argon2Floor } from '../argon2-floor.ts';
import { ARGON2_FLOOR } from '../contenders/names.ts';
import type { LoadSummary } from '../load-client.ts';
import { hasRoom, type Plan, type Window } from '../plan.ts';
import { type Figure, loadFigure, plainFigure } from '../report/results.ts';
import { alternate, type Turn } from '../rounds.ts';
import { loadOn, peakMib, type Started } from './started.ts';

const LONGEST_WARM_UP_MILLISECONDS = 15_000;

/** Password sign-ins a second beside nothing but hashing, and the memory that they take. */
export async function measureSignIns(
  started: readonly Started[],
  plan: Plan,
  say: (what: string) => void,
): Promise<Figure[]> {
  const usernames = Array.from({ length: plan.accounts }, (_, index) => `person${index}`);
  const figures: Figure[] = [];
  const memory = new Map<string, number>();
  const rates = new Map<string, number>();
  const signInTurn = (each: Started, { connections, seconds }: Window): Turn<LoadSummary> => ({
    name: each.contender.name,
    async round() {
      const { result, mib } = await peakMib(each.running.pids, () =>
        loadOn(each, each.contender.dialect.scenarios.signIn ?? 'signIn', {
          connections,
          seconds,
          data: usernames,
          longestWarmUpMilliseconds: LONGEST_WARM_UP_MILLISECONDS,
          countsWaiting: true,
        }),
      );
      memory.set(each.contender.name, Math.max(mib, memory.get(each.contender.name) ?? 0));
      return result;
    },
  });
  for (const window of plan.signIns) {
    say(`password sign-ins at ${window.connections}`);
    const able = started.filter(
      ({ contender: { name, dialect } }) =>
        dialect.scenarios.signIn !== undefined &&
        hasRoom(window, rates.get(name) ?? Number.POSITIVE_INFINITY),
    );
    const turns = [floorTurn(window.seconds), ...able.map((each) => signInTurn(each, window))];
    const runs = await alternate(turns, plan, ({ perSecond }) => perSecond);
    for (const [index, { name: subject }] of turns.entries()) {
      const key = { measure: 'sign-in', subject, size: window.connections } as const;
      const figure = loadFigure(key, runs[index] ?? [], 'perSecond');
      figures.push(figure);
      rates.set(subject, figure.value);
    }
  }
  for (const [name, mib] of memory) figures.push(plainFigure('memory-loaded', name, null, [mib]));
  return figures;
}

function floorTurn(seconds: number): Turn<LoadSummary> {
  return {
    name: ARGON2_FLOOR,
    async round() {
      const { perSecond, cpuMilliseconds } = await argon2Floor(seconds);
      return {
        perSecond,
        p50Milliseconds: Number.NaN,
        p99Milliseconds: Number.NaN,
        firstAnswerP50Milliseconds: Number.NaN,
        firstAnswerP99Milliseconds: Number.NaN,
        statuses: {},
        clientCpuShare: 0,
        serverCpuMilliseconds: cpuMilliseconds,
        othersCpuShare: Number.NaN,
      };
    },
  };
}
