import type { Change, Engine } from './engine.ts';
import { integer, optionalInteger, text } from './rows.ts';

/** A signing key as it is stored: the private half is sealed. */
export interface SigningKeyRecord {
  readonly id: string;
  readonly algorithm: string;
  readonly publicJwk: string;
  readonly privateSealed: string;
  readonly createdAt: number;
  /** It is published from its making, and signs from this time on. */
  readonly signsFrom: number;
  /** From then on nothing that it signed is accepted; null while no newer key has taken over. */
  readonly retiresAt: number | null;
}

/** Looks signing keys up. */
export function signingKeyReader(engine: Engine) {
  return {
    /** Every key, the oldest first. */
    async all(): Promise<SigningKeyRecord[]> {
      const rows = await engine.read({
        sql: `SELECT id, algorithm, public_jwk, private_sealed, created_at, signs_from, retires_at
          FROM signing_keys ORDER BY created_at, id`,
        params: [],
      });
      return rows.map((row) => ({
        id: text(row, 'id'),
        algorithm: text(row, 'algorithm'),
        publicJwk: text(row, 'public_jwk'),
        privateSealed: text(row, 'private_sealed'),
        createdAt: integer(row, 'created_at'),
        signsFrom: integer(row, 'signs_from'),
        retiresAt: optionalInteger(row, 'retires_at'),
      }));
    },
  };
}

/** Adds a key and sets the end of the older ones of its algorithm that have none yet. */
export function addSigningKey(key: SigningKeyRecord, olderRetireAt: number): Change[] {
  return [
    {
      sql: 'UPDATE signing_keys SET retires_at = $2 WHERE algorithm = $1 AND retires_at IS NULL',
      params: [key.algorithm, olderRetireAt],
    },
    {
      sql: `INSERT INTO signing_keys (id, algorithm, public_jwk, private_sealed, created_at, signs_from) VALUES ($1, $2, $3, $4, $5, $6)`,
      params: [key.id, key.algorithm, key.publicJwk, key.privateSealed, key.createdAt, key.signsFrom],
    },
  ];
}

/** Ends every key of an algorithm: nothing that they signed is accepted from then on. */
export function endSigningKeys(algorithm: string, at: number): Change {
  return {
    sql: 'UPDATE signing_keys SET retires_at = $2 WHERE algorithm = $1 AND (retires_at IS NULL OR retires_at > $2)',
    params: [algorithm, at],
  };
}

/** Deletes the keys that retired before the given time. */
export function removeRetiredKeys(before: number): Change {
  return { sql: 'DELETE FROM signing_keys WHERE retires_at < $1', params: [before] };
}
