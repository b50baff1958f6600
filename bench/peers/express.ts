import { createHash, createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import * as nodeRs from '@node-rs/argon2';
import * as argon2 from 'argon2';
import express from 'express';
import jwt from 'jsonwebtoken';
import { openDatabase } from './durable-sqlite.ts';
import { listen } from './listen.ts';
import { ARGON2ID, order, people } from './order.ts';

// What a good engineer writes in an afternoon: accounts with argon2id, short access tokens that are checked without the
// database, refresh tokens that are stored hashed and replaced at every use. Whoever wants a session that was ended to be
// refused at once looks its row up at every check.

const ACCESS_SECONDS = 900;
const REFRESH_SECONDS = 30 * 24 * 3600;
/** A key, not its bytes: of bytes `jsonwebtoken` tries to read a key in PEM at every call. */
const SECRET = createSecretKey(randomBytes(32));

const { hash, verify } = order.hashing === 'default' ? argon2 : nodeRs;

const database = openDatabase();
database.exec(`
  CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES accounts (id), token_hash TEXT NOT NULL UNIQUE,
    previous_hash TEXT UNIQUE, expires_at INTEGER NOT NULL
  );
`);

const findAccount = database.prepare<[string], { id: string; password_hash: string }>(
  'SELECT id, password_hash FROM accounts WHERE username = ?',
);
const addSession = database.prepare(
  'INSERT INTO sessions (id, account_id, token_hash, expires_at) VALUES (?, ?, ?, ?)',
);
const rotate = database.prepare<[string, string, number, string, number], { id: string; account_id: string }>(
  `UPDATE sessions SET previous_hash = ?, token_hash = ?, expires_at = ?
   WHERE token_hash = ? AND expires_at > ? RETURNING id, account_id`,
);
const findSession = database.prepare<[string, number]>(
  'SELECT 1 FROM sessions WHERE id = ? AND expires_at > ?',
);
const endReused = database.prepare('DELETE FROM sessions WHERE previous_hash = ?');
const endSession = database.prepare('DELETE FROM sessions WHERE id = ?');

const now = () => Math.floor(Date.now() / 1000);
const hashed = (token: string) => createHash('sha256').update(token).digest('base64url');
const newToken = () => randomBytes(32).toString('base64url');

function answer(accountId: string, sessionId: string, refreshToken: string): object {
  const token = jwt.sign({ sid: sessionId }, SECRET, { subject: accountId, expiresIn: ACCESS_SECONDS });
  return {
    access_token: token,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: ACCESS_SECONDS,
  };
}

function claimsOf(authorization: string | undefined): jwt.JwtPayload | null {
  try {
    const token = authorization?.replace(/^Bearer /, '') ?? '';
    return jwt.verify(token, SECRET, { algorithms: ['HS256'] }) as jwt.JwtPayload;
  } catch {
    return null;
  }
}

async function serve(): Promise<void> {
  // An unknown name costs as much as a wrong password.
  const nobody = await hash(randomUUID(), ARGON2ID);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json());

  app.post('/login', async (request, response) => {
    const { username, password } = request.body as { username?: unknown; password?: unknown };
    if (typeof username !== 'string' || typeof password !== 'string') return response.status(400).end();
    const account = findAccount.get(username);
    const isRight = await verify(account?.password_hash ?? nobody, password);
    if (account === undefined || !isRight) return response.status(401).json({ error: 'bad credentials' });
    const [id, token] = [randomUUID(), newToken()];
    addSession.run(id, account.id, hashed(token), now() + REFRESH_SECONDS);
    return response.json(answer(account.id, id, token));
  });

  app.post('/refresh', (request, response) => {
    const { refresh_token: given } = request.body as { refresh_token?: unknown };
    if (typeof given !== 'string') return response.status(400).end();
    const [before, token] = [hashed(given), newToken()];
    const session = rotate.get(before, hashed(token), now() + REFRESH_SECONDS, before, now());
    if (session !== undefined) return response.json(answer(session.account_id, session.id, token));
    endReused.run(before);
    return response.status(401).json({ error: 'bad token' });
  });

  app.get('/session', (request, response) => {
    const claims = claimsOf(request.headers.authorization);
    const isGood =
      claims !== null && (!order.looksSessionsUp || findSession.get(claims.sid, now()) !== undefined);
    if (!isGood) return response.status(401).json({ error: 'bad token' });
    return response.json({ account: claims.sub, session: claims.sid, expires_at: claims.exp });
  });

  app.post('/logout', (request, response) => {
    const claims = claimsOf(request.headers.authorization);
    if (claims === null) return response.status(401).json({ error: 'bad token' });
    endSession.run(claims.sid);
    return response.status(204).end();
  });

  listen(app);
}

function seed(): void {
  const add = database.prepare(
    'INSERT INTO accounts (id, username, email, password_hash) VALUES (?, ?, ?, ?)',
  );
  database.transaction(() => {
    for (const { id, username, email } of people()) add.run(id, username, email, order.passwordHash);
  })();
  database.close();
}

if (order.task === 'seed') seed();
else await serve();
