import type { Change, Value } from '../engine.ts';

// How batches cross to the writing thread: as one text, each statement's SQL only the first time. Copying the objects
// themselves, with their long SQL, costs the event loop several times as much.

/** A statement that has been named: a change without its parameters. */
type NamedStatement = Omit<Change, 'params'>;

interface Message {
  /** Statements that the other side has not seen, in the order of their numbers. */
  readonly added: readonly NamedStatement[];
  /** For each transition its changes: a statement's number and its parameters. */
  readonly batch: readonly (readonly (readonly [number, readonly Value[]])[])[];
}

/** Writes batches; remembers which statements were sent. */
export function batchEncoder(): (batch: readonly (readonly Change[])[]) => string {
  /** By their SQL: one that comes with another guard is another statement. */
  const sent = new Map<string, (NamedStatement & { readonly number: number })[]>();
  let count = 0;
  return (batch) => {
    const added: NamedStatement[] = [];
    const numberOf = ({ sql, guard, provisional }: Change): number => {
      const sames = sent.get(sql) ?? [];
      const known = sames.find((each) => each.guard === guard && each.provisional === provisional);
      if (known) return known.number;
      const statement = { sql, ...(guard && { guard }), ...(provisional && { provisional }) };
      added.push(statement);
      sent.set(sql, [...sames, { ...statement, number: count }]);
      return count++;
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
        return { ...statement, params };
      }),
    );
  };
}
