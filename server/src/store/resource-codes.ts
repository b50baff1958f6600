import { type BulkInsert, insertRows } from './bulk.ts';
import type { Change, Engine, Row } from './engine.ts';
import { flag, integer, optionalInteger, text } from './rows.ts';

/** A code that opens one resource. The code is a keyed hash to find it by, and sealed to export it. */
export interface ResourceCode {
  /** Codes are listed in the order of their numbers. */
  readonly number: number;
  readonly context: string;
  readonly codeHash: string;
  readonly codeSealed: string;
  /** Milliseconds since 1970; null when it does not expire. */
  readonly expiresAt: number | null;
  /** 0 is without a limit. */
  readonly maxUses: number;
  readonly uses: number;
  readonly revoked: boolean;
}

const COLUMNS = [
  'number',
  'context',
  'code_hash',
  'code_sealed',
  'expires_at',
  'max_uses',
  'uses',
  'revoked',
] as const;
const TABLE: BulkInsert = {
  table: 'resource_codes',
  columns: COLUMNS,
  key: ['context', 'code_hash'],
  onConflict: 'update',
  // A use that is being counted now stays counted.
  keeps: ['number', 'code_sealed', 'uses'],
};
const SELECT = `SELECT ${COLUMNS.join(', ')} FROM resource_codes`;

/** Looks resource codes up. Taking one is `consumeResourceCode`. */
export function resourceCodeReader(engine: Engine) {
  return {
    /** The code with that context and hash. */
    async byHash(context: string, codeHash: string): Promise<ResourceCode | null> {
      const [row] = await engine.read({
        sql: `${SELECT} WHERE context = $1 AND code_hash = $2`,
        params: [context, codeHash],
      });
      return row ? codeOf(row) : null;
    },

    /** How many codes of a context could be taken now. */
    async countLive(context: string, now: number): Promise<number> {
      const [row] = await engine.read({
        sql: `SELECT count(*) AS live FROM resource_codes WHERE context = $1 AND revoked = 0
          AND (expires_at IS NULL OR expires_at > $2) AND (max_uses = 0 OR uses < max_uses)`,
        params: [context, now],
      });
      return Number(row?.live ?? 0);
    },

    /** Up to that many codes whose number is above the given one, in the order of numbers. */
    async page(afterNumber: number, limit: number): Promise<ResourceCode[]> {
      const rows = await engine.read({
        sql: `${SELECT} WHERE number > $1 ORDER BY number LIMIT $2`,
        params: [afterNumber, limit],
      });
      return rows.map(codeOf);
    },
  };
}

function codeOf(row: Row): ResourceCode {
  return {
    number: integer(row, 'number'),
    context: text(row, 'context'),
    codeHash: text(row, 'code_hash'),
    codeSealed: text(row, 'code_sealed'),
    expiresAt: optionalInteger(row, 'expires_at'),
    maxUses: integer(row, 'max_uses'),
    uses: integer(row, 'uses'),
    revoked: flag(row, 'revoked'),
  };
}

/** Makes resource codes, or brings those that exist to what is given. The uses of one that exists stay. */
export function saveResourceCodes(codes: readonly ResourceCode[]): Change[] {
  return insertRows(
    TABLE,
    codes.map((code) => [
      code.number,
      code.context,
      code.codeHash,
      code.codeSealed,
      code.expiresAt,
      code.maxUses,
      code.uses,
      Number(code.revoked),
    ]),
  );
}
