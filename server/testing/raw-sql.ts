import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';

/**
 * Runs statements in a store's database past the product, as somebody with the database in hand could. What another process
 * would have written is seen in a later turn of the event loop; when this resolves, that has come.
 */
export async function runRawSql(url: string, script: string): Promise<void> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length));
    try {
      database.exec(script);
    } finally {
      database.close();
    }
    await new Promise(setImmediate);
    return;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(script);
  } finally {
    await client.end();
  }
}
