import type { Place, PoolOverloaded } from '../crypto/hash-pool.ts';
import { readStoredHash } from '../crypto/password-hash.ts';
import { traced } from '../observability/tracing.ts';
import { replacePasswordHash } from '../store/accounts.ts';
import type { Attempt, Corridor } from './corridor.ts';

/** A stored hash that a password is tried against, and whose it is. */
export interface Verifiable {
  readonly table: 'accounts' | 'installations';
  readonly id: string;
  readonly passwordHash: string | null;
}

/** One that the password has opened. */
type Opened = Verifiable & { readonly passwordHash: string };

/**
 * Evaluates a password against each of the hashes. One hash is always paid for: where there is none to try, a decoy is.
 * A hash that is not argon2id with today's parameters is renewed, after the answer.
 * @param place where it is waited for
 * @returns the ids whose password it is, or that the queue is too long
 */
export async function verifyPassword(
  corridor: Corridor,
  attempt: Pick<Attempt, 'caller'>,
  password: string,
  tried: readonly Verifiable[],
  place: Place,
): Promise<ReadonlySet<string> | PoolOverloaded> {
  const { decoyHash } = corridor;
  const hashes = tried.length === 0 ? [decoyHash] : tried.map((each) => each.passwordHash ?? decoyHash);
  const verdicts = await traced('hash', { 'latchkey.hashes': hashes.length }, () =>
    Promise.all(hashes.map((hash) => place.verify(password, hash))),
  );
  const overloaded = verdicts.find((verdict) => typeof verdict === 'object');
  if (overloaded) return overloaded;
  const matched = tried.filter(
    (each, index): each is Opened => each.passwordHash !== null && verdicts[index] === true,
  );
  for (const each of matched) renewLater(corridor, attempt, password, each);
  return new Set(matched.map((each) => each.id));
}

/** Replaces an outdated hash off the request's path. It never overwrites a password that was changed meanwhile. */
function renewLater(
  corridor: Corridor,
  { caller }: Pick<Attempt, 'caller'>,
  password: string,
  { table, id, passwordHash: stored }: Opened,
): void {
  const hash = readStoredHash(stored);
  if (typeof hash === 'string' || hash.isCurrent(corridor.hashingCost)) return;
  corridor.hashes
    .hash(password)
    .then(async (renewed) => {
      // A pool that is busy is left alone: the next sign-in tries again.
      if (typeof renewed === 'string')
        await corridor.store.commit([replacePasswordHash(table, id, stored, renewed)]);
    })
    .catch((error: Error) => {
      const fields = { requestId: caller.requestId, error: error.message };
      corridor.log.warn(fields, 'a password hash was not renewed');
    });
}
