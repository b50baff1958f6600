import type { Change, Engine } from './engine.ts';
import { text } from './rows.ts';

/** Reads small facts about the store itself. */
export function factReader(engine: Engine) {
  return {
    /** The fact with that name. */
    async value(name: string): Promise<string | null> {
      const [row] = await engine.read({ sql: 'SELECT value FROM facts WHERE name = $1', params: [name] });
      return row ? text(row, 'value') : null;
    },
  };
}

/** States a fact for the first time. Guard `fact`: nobody had. */
export function stateFact(name: string, value: string): Change {
  return {
    guard: 'fact',
    sql: 'INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING name',
    params: [name, value],
  };
}

/** Replaces what a fact says. Guard `fact`: it said what it was read to say. */
export function replaceFact(name: string, from: string, to: string): Change {
  return {
    guard: 'fact',
    sql: 'UPDATE facts SET value = $3 WHERE name = $1 AND value = $2 RETURNING name',
    params: [name, from, to],
  };
}

/** Says nothing under that name any more. */
export function forgetFact(name: string): Change {
  return { sql: 'DELETE FROM facts WHERE name = $1', params: [name] };
}
