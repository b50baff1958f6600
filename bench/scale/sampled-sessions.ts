import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { loadOrCreateSecretKey } from '../../server/src/crypto/secret-key.ts';
import { createVault } from '../../server/src/crypto/vault.ts';
import { systemClock, systemRandom } from '../../server/src/ports.ts';
import { createRefreshTokens } from '../../server/src/tokens/refresh-token.ts';

/** A session of a generated store, and the refresh token that its owner would have. */
export interface SampledSession {
  readonly id: string;
  readonly refreshToken: string;
}

/** Sessions from all over an embedded store, at random. What was refreshed since may come again, with its token of now. */
export function sampleSessions(folder: string, count: number): SampledSession[] {
  const vault = createVault(
    loadOrCreateSecretKey(join(folder, 'data', 'secret.key'), systemRandom),
    systemRandom,
  );
  const tokens = createRefreshTokens(vault, systemClock);
  const database = new DatabaseSync(join(folder, 'data', 'latchkey.db'), { readOnly: true });
  try {
    const ends = database.prepare('SELECT min(id) AS first, max(id) AS last FROM sessions').get();
    const [first, last] = [millisecondsOf(ends?.first), millisecondsOf(ends?.last)];
    const next = database.prepare(
      'SELECT id, counter, rotated_at, refresh_expires_at FROM sessions WHERE id >= ? ORDER BY id LIMIT 1',
    );
    const found = new Map<string, SampledSession>();
    while (found.size < count) {
      // Their ids begin with their time.
      const at = first + Math.floor(Math.random() * (last - first));
      const hex = at.toString(16).padStart(12, '0');
      const row = next.get(`${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`);
      if (!row) continue;
      const content = {
        sessionId: String(row.id),
        counter: Number(row.counter),
        rotatedAt: Number(row.rotated_at),
        expiresAt: Number(row.refresh_expires_at),
      };
      found.set(content.sessionId, { id: content.sessionId, refreshToken: tokens.issue(content) });
    }
    return [...found.values()];
  } finally {
    database.close();
  }
}

function millisecondsOf(id: unknown): number {
  return Number.parseInt(String(id).replace('-', '').slice(0, 12), 16);
}
