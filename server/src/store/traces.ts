import type { Engine } from './engine.ts';

/** What shows that a store is not new, whatever is said of it. */
export function traceReader(engine: Engine) {
  async function holds(condition: string): Promise<boolean> {
    const sql = `SELECT CASE WHEN ${condition} THEN 1 ELSE 0 END AS holds`;
    return (await engine.read({ sql, params: [] }))[0]?.holds === 1;
  }
  const any = (what: string) => `EXISTS (SELECT 1 FROM ${what} LIMIT 1)`;
  return {
    /** Whether nobody has ever put anything into it. */
    isEmpty: (): Promise<boolean> =>
      holds(
        ['accounts', 'installations', 'sessions', 'signing_keys', 'audit']
          .map((table) => `NOT ${any(table)}`)
          .join(' AND '),
      ),

    /**
     * Whether a server must have given events of its log their places: somebody has signed in, an event has a place, some were
     * removed, or they are gone although accounts were made.
     */
    hasServed: (): Promise<boolean> =>
      holds(
        [
          any('sessions'),
          any('audit WHERE link IS NOT NULL'),
          any("facts WHERE name = 'audit-start'"),
          `(${any('accounts')} AND NOT ${any('audit')})`,
        ].join(' OR '),
      ),
  };
}
