import type { Change, Engine } from './engine.ts';
import { integer, text } from './rows.ts';

/** A service that takes our tokens and follows what is revoked. */
export interface ResourceServer {
  readonly name: string;
  readonly createdAt: number;
}

/** Looks resource servers up. */
export function resourceServerReader(engine: Engine) {
  return {
    /** The one whose credential has that hash. */
    async bySecret(secretHash: string): Promise<ResourceServer | null> {
      const [row] = await engine.read({
        sql: 'SELECT name, created_at FROM resource_servers WHERE secret_hash = $1',
        params: [secretHash],
      });
      return row ? { name: text(row, 'name'), createdAt: integer(row, 'created_at') } : null;
    },

    /** All of them, in the order of names. */
    async all(): Promise<ResourceServer[]> {
      const rows = await engine.read({
        sql: 'SELECT name, created_at FROM resource_servers ORDER BY name',
        params: [],
      });
      return rows.map((row) => ({ name: text(row, 'name'), createdAt: integer(row, 'created_at') }));
    },
  };
}

/** Makes a resource server. Guard `resource-server`: there is none of that name. */
export function addResourceServer(server: ResourceServer, secretHash: string): Change {
  return {
    guard: 'resource-server',
    sql: `INSERT INTO resource_servers (name, secret_hash, created_at) VALUES ($1, $2, $3)
          ON CONFLICT (name) DO NOTHING RETURNING name`,
    params: [server.name, secretHash, server.createdAt],
  };
}

/** Removes a resource server: its credential is good for nothing at once. Guard `resource-server`: there is one. */
export function removeResourceServer(name: string): Change {
  return {
    guard: 'resource-server',
    sql: 'DELETE FROM resource_servers WHERE name = $1 RETURNING name',
    params: [name],
  };
}
