import { load } from '../load.ts';
import type { Plan } from '../plan.ts';
import { type Figure, loadFigure } from '../report/results.ts';
import { alternate } from '../rounds.ts';
import { withManySessions } from './many-sessions.ts';
import { untilIdle } from './started.ts';

const CONNECTIONS = 64;

/**
 * Session checks of Latchkey with one token for each connection, which it knows from the time before, and beside them with more
 * tokens than it remembers, one after the other: each is forgotten by the time that it is shown again, so that each is
 * verified anew. Both on one server, in turns.
 */
export function measureManyTokens(subject: string, plan: Plan): Promise<Figure[]> {
  return withManySessions(plan.accounts, plan.tokens, async ({ url, pid }, tokens) => {
    const turns = [tokens.slice(0, CONNECTIONS), tokens].map((data) => ({
      name: `${data.length} tokens`,
      async round() {
        await untilIdle([pid]);
        const order = { url, servers: [pid], connections: CONNECTIONS, seconds: plan.cheapSeconds, data };
        return load({ ...order, scenario: 'sessionInTurn' });
      },
      size: data.length,
    }));
    const runs = await alternate(turns, plan, ({ perSecond }) => perSecond);
    return turns.map(({ size }, index) =>
      loadFigure({ measure: 'session-tokens', subject, size }, runs[index] ?? [], 'perSecond'),
    );
  });
}
