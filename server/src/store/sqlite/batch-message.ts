import type { Change, Value } from '../engine.ts';

// How batches cross to the writing thread: as one text, each statement's SQL only the first time. Copying the objects
// themselves, with their long SQL, costs the event loop several times as much.

/** A statement that has been named: its SQL, and the guard that comes with it. */
export interface NamedStatement {
  readonly sql: string;
  readonly guard: string | null;
}

interface Message {
  /** Statements that the other side has not seen, in the order of their numbers. */
  readonly added: readonly NamedStatement[];
  /** For each transition its changes: a statement's number and its parameters. */
  readonly batch: readonly (readonly (readonly [number, readonly Value[]])[])[];
}

/** Writes batches; remembers which statements were sent. */
export function batchEncoder(): (batch: readonly (readonly Change[])[]) => string {
  const numbers = new Map<string, number>();
  return (batch) => {
    const added: NamedStatement[] = [];
    const numberOf = (change: Change): number => {
      const { sql } = change;
      const guard = change.guard ?? null;
      const key = guard === null ? sql : `${guard}\0${sql}`;
      let number = numbers.get(key);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(key, number);
        added.push({ sql, guard });
      }
      return number;
    };
    const message: Message = {
      batch: batch.map((changes) => changes.map((change) => [numberOf(change), change.params])),
      added,
    };
    return JSON.stringify(message);
  };
}

/** Reads what `batchEncoder` wrote. */
export function batchDecoder(): (text: string) => Change[][] {
  const statements: NamedStatement[] = [];
  return (text) => {
    const { added, batch } = JSON.parse(text) as Message;
    statements.push(...added);
    return batch.map((changes) =>
      changes.map(([number, params]) => {
        const statement = statements[number];
        if (!statement) throw new RangeError(`statement ${number} was never named`);
        const { sql, guard } = statement;
        return guard === null ? { sql, params } : { sql, params, guard };
      }),
    );
  };
}
