import type Database from 'better-sqlite3';
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

interface Row {
  readonly payload: string;
  readonly consumed_at: number | null;
}

/** Keeps what oidc-provider keeps in one table, with prepared statements; expiry is judged when something is found. */
export function createAdapter(database: Database.Database): AdapterFactory {
  database.exec(`
    CREATE TABLE IF NOT EXISTS models (
      model TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL, grant_id TEXT, user_code TEXT, uid TEXT,
      expires_at INTEGER, consumed_at INTEGER, PRIMARY KEY (model, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS models_by_grant ON models (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS models_by_uid ON models (model, uid) WHERE uid IS NOT NULL;
    CREATE INDEX IF NOT EXISTS models_by_user_code ON models (model, user_code) WHERE user_code IS NOT NULL;
  `);
  const now = () => Math.floor(Date.now() / 1000);
  const upsert = database.prepare(
    `INSERT INTO models (model, id, payload, grant_id, user_code, uid, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at`,
  );
  const columns = 'SELECT payload, consumed_at FROM models WHERE model = ?';
  const isAlive = '(expires_at IS NULL OR expires_at > ?)';
  const byId = database.prepare<unknown[], Row>(`${columns} AND id = ? AND ${isAlive}`);
  const byUid = database.prepare<unknown[], Row>(`${columns} AND uid = ? AND ${isAlive}`);
  const byUserCode = database.prepare<unknown[], Row>(`${columns} AND user_code = ? AND ${isAlive}`);
  const consume = database.prepare('UPDATE models SET consumed_at = ? WHERE model = ? AND id = ?');
  const destroy = database.prepare('DELETE FROM models WHERE model = ? AND id = ?');
  const revoke = database.prepare('DELETE FROM models WHERE grant_id = ?');

  const read = (row: Row | undefined): AdapterPayload | undefined =>
    row && {
      ...(JSON.parse(row.payload) as AdapterPayload),
      ...(row.consumed_at === null ? {} : { consumed: row.consumed_at }),
    };
  return (model): Adapter => ({
    async upsert(id, payload, expiresIn) {
      const expiresAt = expiresIn ? now() + expiresIn : null;
      const { grantId = null, userCode = null, uid = null } = payload;
      upsert.run(model, id, JSON.stringify(payload), grantId, userCode, uid, expiresAt);
    },
    find: async (id) => read(byId.get(model, id, now())),
    findByUid: async (uid) => read(byUid.get(model, uid, now())),
    findByUserCode: async (code) => read(byUserCode.get(model, code, now())),
    async consume(id) {
      consume.run(now(), model, id);
    },
    async destroy(id) {
      destroy.run(model, id);
    },
    async revokeByGrantId(grantId) {
      revoke.run(grantId);
    },
  });
}
