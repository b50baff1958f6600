import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Configuration, type JWK, Provider } from 'oidc-provider';
import { openDatabase } from './durable-sqlite.ts';
import { listen } from './listen.ts';
import { createAdapter } from './oidc-adapter.ts';
import { order, people } from './order.ts';

// oidc-provider with a client that refreshes and a resource server's introspection. Its sign-in is a walk through pages of
// one's own, and is not measured: tokens are made with its own models before it serves.

const CHAINS = 4000;
const CLIENT = { id: 'bench', secret: 'a secret of the bench' } as const;
const SCOPE = 'openid offline_access';

const database = openDatabase();
database.exec('CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE)');
const findAccount = database.prepare<[string], { id: string; email: string }>(
  'SELECT id, email FROM accounts WHERE id = ?',
);

function configuration(): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    adapter: createAdapter(database),
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://app.example.com/callback'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' } as JWK] },
    cookies: { keys: ['a key of the bench'] },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    rotateRefreshToken: true,
    findAccount: (_context, id) => {
      const account = findAccount.get(id);
      return account && { accountId: id, claims: () => ({ sub: id, email: account.email }) };
    },
  };
}

const provider = new Provider('http://127.0.0.1:3000', configuration());

/** Tokens as the end of a sign-in leaves them. */
async function makeTokens(accountId: string): Promise<{ refresh: string; access: string }> {
  const client = await provider.Client.find(CLIENT.id);
  if (client === undefined) throw new Error('the client is missing');
  const grant = new provider.Grant({ accountId, clientId: CLIENT.id });
  grant.addOIDCScope(SCOPE);
  const given = {
    accountId,
    client,
    grantId: await grant.save(),
    scope: SCOPE,
    gty: 'authorization_code',
    expiresWithSession: false,
  };
  const refresh = await new provider.RefreshToken({
    ...given,
    authTime: Math.floor(Date.now() / 1000),
    rotations: 0,
    iiat: Math.floor(Date.now() / 1000),
  } as never).save();
  return { refresh, access: await new provider.AccessToken(given as never).save() };
}

async function seed(): Promise<void> {
  const add = database.prepare('INSERT INTO accounts (id, email) VALUES (?, ?)');
  database.transaction(() => {
    for (const { id, email } of people()) add.run(id, email);
  })();
  // One sync for all of them instead of one for each.
  database.pragma('synchronous = OFF');
  const tokens: { refresh: string; access: string }[] = [];
  for (const { id } of people().slice(0, CHAINS)) tokens.push(await makeTokens(id));
  const written = {
    refresh: tokens.map(({ refresh }) => refresh),
    access: tokens.map(({ access }) => access),
  };
  writeFileSync(join(order.directory, 'tokens.json'), JSON.stringify(written));
  database.close();
}

if (order.task === 'seed') await seed();
else listen(provider.callback());
