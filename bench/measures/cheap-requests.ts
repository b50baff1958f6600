import { setTimeout } from 'node:timers/promises';
import { ECHO_FLOOR } from '../contenders/names.ts';
import { load } from '../load.ts';
import type { LoadSummary } from '../load-client.ts';
import type { Plan } from '../plan.ts';
import { type Figure, loadFigure } from '../report/results.ts';
import { alternate, type Turn } from '../rounds.ts';
import type { Subject } from '../subject.ts';
import { loadOn, type Started, untilIdle } from './started.ts';

const FLOOD_CONNECTIONS = 256;
const CHEAP_CONNECTIONS = 8;
/** How long a flood goes on before cheap requests are looked at. */
const FLOOD_BEFORE_SECONDS = 1;

const echoTurn = (echo: Subject, connections: number, seconds: number): Turn<LoadSummary> => ({
  name: ECHO_FLOOR,
  round: () => load({ url: echo.url, scenario: 'echo', servers: [echo.pid], connections, seconds, data: [] }),
});

/** Refreshes in chains and session checks a second, beside a server that looks at nothing. */
export async function measureCheap(
  measure: 'refresh' | 'session',
  started: readonly Started[],
  echo: Subject,
  plan: Plan,
  say: (what: string) => void,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  const able = started.filter(({ contender }) => contender.dialect.scenarios[measure] !== undefined);
  for (const connections of plan.cheapConnections) {
    say(`${measure === 'refresh' ? 'refreshes' : 'session checks'} at ${connections}`);
    const turns = [
      echoTurn(echo, connections, plan.cheapSeconds),
      ...able.map((each) => cheapTurn(measure, each, connections, plan.cheapSeconds)),
    ];
    const runs = await alternate(turns, plan, ({ perSecond }) => perSecond);
    for (const [index, { name }] of turns.entries())
      figures.push(loadFigure({ measure, subject: name, size: connections }, runs[index] ?? [], 'perSecond'));
  }
  return figures;
}

function cheapTurn(
  measure: 'refresh' | 'session',
  each: Started,
  connections: number,
  seconds: number,
): Turn<LoadSummary> {
  const { contender, running, sessions } = each;
  let credentials: readonly string[] | null = null;
  return {
    name: contender.name,
    async round() {
      if (measure === 'refresh') {
        const fresh = await sessions.take(running, connections);
        const data = fresh.map(({ refreshToken }) => refreshToken ?? '');
        return loadOn(each, contender.dialect.scenarios.refresh ?? 'refresh', { connections, seconds, data });
      }
      credentials ??= await credentialsOf(each, connections);
      const scenario = contender.dialect.scenarios.session ?? 'session';
      return loadOn(each, scenario, { connections, seconds, data: credentials });
    },
  };
}

async function credentialsOf({ running, sessions }: Started, count: number): Promise<string[]> {
  return (await sessions.take(running, count)).map(({ credential }) => credential);
}

/** How long session checks take, quiet and while many connections sign in. */
export async function measureFlood(started: readonly Started[], plan: Plan): Promise<Figure[]> {
  const able = started.filter(
    ({ contender: { dialect } }) => dialect.scenarios.signIn !== undefined && dialect.scenarios.session,
  );
  const usernames = Array.from({ length: plan.accounts }, (_, index) => `person${index}`);
  const turns = able.map((each) => {
    const { signIn = 'signIn', session = 'session' } = each.contender.dialect.scenarios;
    return {
      name: each.contender.name,
      async round() {
        const data = await credentialsOf(each, CHEAP_CONNECTIONS);
        const cheap = { connections: CHEAP_CONNECTIONS, data };
        const quiet = await loadOn(each, session, { ...cheap, seconds: plan.cheapSeconds });
        await untilIdle(each.running.pids);
        const floodSeconds = plan.floodSeconds + FLOOD_BEFORE_SECONDS + 1;
        const [url = '', ...otherUrls] = each.running.urls;
        const flood = load({
          ...{ url, otherUrls, scenario: signIn, connections: FLOOD_CONNECTIONS, data: usernames },
          ...{ seconds: floodSeconds, warmUpMilliseconds: 0 },
        });
        await setTimeout(FLOOD_BEFORE_SECONDS * 1000);
        const during = load({
          ...{ url, otherUrls, scenario: session, ...cheap, servers: each.running.pids },
          ...{ seconds: plan.floodSeconds, countsWaiting: true },
        });
        await flood;
        const result = { quiet, during: await during };
        await untilIdle(each.running.pids);
        return result;
      },
    };
  });
  const floodPlan = { rounds: plan.floodRounds, extraRounds: 0 };
  const runs = await alternate(turns, floodPlan, ({ during }) => during.p99Milliseconds);
  return turns.flatMap(({ name: subject }, index) =>
    (['quiet', 'during'] as const).map((which) =>
      loadFigure(
        {
          measure: which === 'quiet' ? 'cheap-quiet' : 'cheap-flood',
          subject,
          size: which === 'quiet' ? null : FLOOD_CONNECTIONS,
        },
        (runs[index] ?? []).map((run) => run[which]),
        'p99Milliseconds',
      ),
    ),
  );
}
