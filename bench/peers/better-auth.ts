import { hash, verify } from '@node-rs/argon2';
import { type BetterAuthOptions, betterAuth } from 'better-auth';
import { hashPassword } from 'better-auth/crypto';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import pg from 'pg';
import { openDatabase } from './durable-sqlite.ts';
import { listen } from './listen.ts';
import { ARGON2ID, order, people } from './order.ts';

// Better Auth behind Node's own HTTP server, which costs less than a framework would.

const CONNECTIONS = 10;

const file = order.database === null ? openDatabase() : null;
const pool =
  order.database === null ? null : new pg.Pool({ connectionString: order.database, max: CONNECTIONS });

const options: BetterAuthOptions = {
  baseURL: 'http://127.0.0.1:3000',
  secret: 'a secret of thirty-two characters or more, for the bench',
  database: file ?? pool ?? undefined,
  emailAndPassword: {
    enabled: true,
    ...(order.hashing === 'argon2id'
      ? {
          password: {
            hash: (password: string) => hash(password, ARGON2ID),
            verify: ({ hash: stored, password }: { hash: string; password: string }) =>
              verify(stored, password),
          },
        }
      : {}),
  },
  session: { cookieCache: { enabled: order.cookieCache } },
  rateLimit: { enabled: false },
  logger: { disabled: true },
  telemetry: { enabled: false },
};

async function seed(): Promise<void> {
  await (await getMigrations(options)).runMigrations();
  const stored = order.hashing === 'argon2id' ? order.passwordHash : await hashPassword(order.password);
  const at = new Date().toISOString();
  const users = people().map(({ id, username, email }) => [id, username, email, at, at]);
  const accounts = people().map(({ id }) => [`a-${id}`, id, 'credential', id, stored, at, at]);
  const tables = [
    ['"user" (id, name, email, "createdAt", "updatedAt", "emailVerified")', users, ['1', 'true']],
    ['account (id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")', accounts, null],
  ] as const;
  for (const [target, rows, validated] of tables) {
    const columns = rows[0]?.length ?? 0;
    const marks = Array.from({ length: columns }, (_, index) => `$${index + 1}`);
    if (file !== null) {
      const values = [...marks.map(() => '?'), ...(validated === null ? [] : [validated[0]])];
      const add = file.prepare(`INSERT INTO ${target} VALUES (${values.join(', ')})`);
      file.transaction(() => rows.map((row) => add.run(...row)))();
    } else {
      const values = [...marks, ...(validated === null ? [] : [validated[1]])];
      for (const row of rows) await pool?.query(`INSERT INTO ${target} VALUES (${values.join(', ')})`, row);
    }
  }
  file?.close();
  await pool?.end();
}

if (order.task === 'seed') await seed();
else listen(toNodeHandler(betterAuth(options)));
