import { parseArgs } from 'node:util';
import { hashSync } from '@node-rs/argon2';
import { servedMounts } from '../../server/src/app.ts';
import { loadConfiguration } from '../../server/src/config.ts';
import { openCore } from '../../server/src/core.ts';
import { openStore } from '../../server/src/store/store.ts';
import { PASSWORD } from '../scenarios.ts';
import { addAccounts, addSignIns, type OnProgress } from './populate.ts';

// Fills an empty store with people who can sign in, and with live sessions of theirs:
//
//   cd FOLDER && node …/bench/scale/generate.ts --accounts 10000000 --sessions 1000000
//
// The store is the one that the configuration there names, as for every command; the embedded one without any. Everybody
// has the password of bench/scenarios.ts; `personOf` in bench/scale/people.ts says what their names are.

const PROGRESS_MILLISECONDS = 5000;

/** Says on stderr how far it is, every few seconds. */
function progressOf(what: string): OnProgress {
  const begun = performance.now();
  let told = begun;
  return (done, all) => {
    const now = performance.now();
    if (now - told < PROGRESS_MILLISECONDS && done < all) return;
    told = now;
    const perSecond = done / ((now - begun) / 1000);
    process.stderr.write(`${what}: ${done} of ${all}, ${perSecond.toFixed(0)}/s\n`);
  };
}

const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields: object, message: string) => console.error(message, fields),
  error: (fields: object, message: string) => console.error(message, fields),
};

const { values } = parseArgs({
  options: {
    accounts: { type: 'string', default: '10000' },
    sessions: { type: 'string', default: '0' },
  },
});
const [accounts, sessions] = [Number(values.accounts), Number(values.sessions)];
if (!Number.isSafeInteger(accounts) || accounts < 1 || !Number.isSafeInteger(sessions) || sessions < 0) {
  console.error('usage: generate.ts --accounts N [--sessions N]');
  process.exit(2);
}

const config = loadConfiguration();
if (!config.store.url.startsWith('sqlite:')) {
  const store = await openStore(config.store.url, log);
  await store.migrate({ now: () => Date.now() });
  await store.close();
}
const core = await openCore(config, log, { isBulkLoad: true });
try {
  if ((await core.store.accounts.count()) > 0) throw new Error('there is somebody in the store already');
  const { memoryKib, passes, parallelism } = config.hashing;
  const cost = { memoryCost: memoryKib, timeCost: passes, parallelism };
  const passwordHash = hashSync(PASSWORD, { algorithm: 2, ...cost });
  await addAccounts(core, accounts, passwordHash, progressOf('accounts'));
  const mount = servedMounts(config).find(({ contract }) => contract.name === 'login');
  if (mount === undefined) throw new Error('the sessions are those of a mount of the contract login');
  const sessionMaxSeconds = config.session.maxSeconds;
  await addSignIns(core, { accounts, count: sessions, mount, sessionMaxSeconds }, progressOf('sign-ins'));
} finally {
  await core.store.close();
}
