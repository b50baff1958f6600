import { beginChain, chainEnd } from './audit/chain-end.ts';
import type { Configuration } from './config.ts';
import { loadOrCreateSecretKey, SECRET_KEY_FILE } from './crypto/secret-key.ts';
import { createVault, type Vault } from './crypto/vault.ts';
import { createWording, type Wording, wordingOptions } from './delivery/wording.ts';
import { OperatorError, StoreUnavailableError } from './errors.ts';
import { type Clock, type Log, type Random, systemClock, systemRandom } from './ports.ts';
import type { StoreUse } from './store/engine.ts';
import { stateFact } from './store/facts.ts';
import { openStore, type Store } from './store/store.ts';
import { openStoreClock } from './store/store-clock.ts';

/** What every command works on: the store, and the secret that goes with it. */
export interface Core {
  readonly config: Configuration;
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What messages say. */
  readonly wording: Wording;
}

/** The store knows the secret that it was made with by a keyed hash of this. */
const VAULT_FACT = 'vault';

/**
 * Opens the store and its secret. The embedded store is brought up to date; PostgreSQL must be, by `latchkey migrate`.
 * @param use of the embedded store
 * @throws OperatorError when it cannot be reached, has another schema, or was made with another secret
 */
export async function openCore(config: Configuration, log: Log, use?: StoreUse): Promise<Core> {
  const store = await openStore(config.store.url, log, use);
  try {
    await prepareSchema(config, store);
    const secret = config.secretKey ?? loadOrCreateSecretKey(SECRET_KEY_FILE, systemRandom);
    const vault = createVault(secret, systemRandom);
    await requireSameSecret(store, vault);
    const wording = createWording(wordingOptions(config));
    const clock = isEmbedded(config) ? systemClock : await openStoreClock(() => store.time());
    return { config, store, vault, clock, random: systemRandom, log, wording };
  } catch (error) {
    await store.close();
    throw error instanceof StoreUnavailableError ? new OperatorError(unreachable(config, error)) : error;
  }
}

/** One line for a store that does not answer. */
export function unreachable(config: Configuration, error: Error): string {
  const { protocol, host, pathname } = new URL(config.store.url);
  return `cannot reach the store at ${protocol}//${host}${pathname}: ${error.message || 'no answer'}. Check store.url and that the database runs.`;
}

/** Whether all who have the store open are on one machine, and have its time. */
function isEmbedded(config: Configuration): boolean {
  return config.store.url.startsWith('sqlite:');
}

async function prepareSchema(config: Configuration, store: Store): Promise<void> {
  if (isEmbedded(config)) await store.migrate(systemClock);
  else await store.requireCurrentSchema();
}

/**
 * A store that is new begins the chain of its audit log in the commit that makes it know its secret. So one that knows it in this way
 * has had an end of its chain: where that is missing, it was taken away, and nobody begins another.
 */
async function requireSameSecret(store: Store, vault: Vault): Promise<void> {
  const check = vault.hash('vault', 'vault with an audit chain');
  // Of versions that began the chain with the first event.
  const former = vault.hash('vault', VAULT_FACT);
  const read = () => store.facts.value(VAULT_FACT);
  let known = await read();
  // Read first: what waits for the writing thread to be up delays every start.
  if (known === null) {
    const begun = (await store.traces.isEmpty()) ? [beginChain(vault)] : [];
    await store.commit([stateFact(VAULT_FACT, check), ...begun]);
    known = await read();
  }
  if (known !== check && known !== former) {
    throw new OperatorError(
      'the store was made with another secrets.key: what is sealed in it cannot be read. Give the key that it was made with.',
    );
  }
  if (known === former && (await chainEnd(store, 'audit-head', vault)) === null)
    if (!(await store.traces.hasServed())) await store.commit([beginChain(vault)]);
}
