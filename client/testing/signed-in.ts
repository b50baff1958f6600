import type { Person, TestApp } from '../../server/testing/app.ts';
import {
  createClient,
  type LoginClient,
  memoryStore,
  type SessionOptions,
  type SignedOutReason,
  type TokenStore,
} from '../src/index.ts';
import { expectKind } from './narrow.ts';
import { type Traffic, watchTraffic } from './traffic.ts';

/** A client with a session, and what can be seen of it. */
export interface Opened {
  readonly client: LoginClient;
  readonly store: TokenStore;
  readonly traffic: Traffic;
  /** Why sessions ended, in order. */
  readonly ended: readonly SignedOutReason[];
}

/** What redeems a refresh token at the login contract. */
export const REFRESH = 'POST /auth/refresh-token';

/** How long an access token of the login contract lives. */
export const ACCESS_SECONDS = 3600;

/** A client of the login contract. */
export function openLogin(app: TestApp, options: Partial<SessionOptions> = {}): Opened {
  const traffic = watchTraffic();
  const { store = memoryStore() } = options;
  const client = createClient({ url: app.url, contract: 'login', fetch: traffic.fetch, ...options, store });
  const ended: SignedOutReason[] = [];
  client.on('signed-out', (reason) => ended.push(reason));
  return { client, store, traffic, ended };
}

/** The same, and somebody has signed in. */
export async function signedIn(
  app: TestApp,
  options: Partial<SessionOptions> = {},
  person?: Person,
): Promise<Opened> {
  const opened = openLogin(app, options);
  const { username, password } = person ?? (await app.person());
  expectKind(await opened.client.signIn({ username, password }), 'signed-in');
  return opened;
}
