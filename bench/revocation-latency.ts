import { execFileSync } from 'node:child_process';
import { createVerifier, TokenRefusedError, type Verifier } from '../verifier/src/index.ts';
import { CHEAP_HASHING, cheapPasswordHash } from './cheap-hashes.ts';
import { signInOften } from './measures/many-sessions.ts';
import { quantile, shown } from './recorder.ts';
import { ask, times } from './requests.ts';
import { environment, makeStore, PROGRAM, start } from './subject.ts';

// How long after a sign-out was acknowledged a resource server refuses the session's token, when thousands of sessions end
// in a burst. Hashing is cheap here: it is not what is measured.

const SESSIONS = Number(/--sessions=(\d+)/.exec(process.argv.join(' '))?.[1] ?? 10_000);
const ASK_MILLISECONDS = 20;
const PEOPLE = 2000;

/** Waits until the verifier refuses a token as revoked, and gives the time it took. */
async function untilRevoked(verifier: Verifier, token: string): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const reason = await verifier.verify(token).then(
      () => null,
      (error: unknown) => (error instanceof TokenRefusedError ? error.reason : String(error)),
    );
    if (reason === 'revoked') return performance.now() - begun;
    if (reason !== null) throw new Error(`refused as ${reason}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_MILLISECONDS));
  }
}

async function main(): Promise<void> {
  const store = makeStore(PEOPLE, cheapPasswordHash());
  const subject = await start(PROGRAM, ['serve'], store.directory, CHEAP_HASHING);
  const added = execFileSync(PROGRAM, ['resource-server', 'add', 'bench', '--json'], {
    cwd: store.directory,
    env: environment(),
  });
  const { credential } = JSON.parse(added.toString()) as { credential: string };
  const verifier = createVerifier({ issuer: subject.url, revocations: { credential } });
  try {
    await verifier.ready();
    const tokens = await signInOften(subject, store.usernames, SESSIONS);
    for (const token of tokens) await verifier.verify(token);
    const waits: Promise<number>[] = [];
    const begun = performance.now();
    await times(tokens.length, async (index) => {
      const token = tokens[index] ?? '';
      const { status } = await ask(`${subject.url}/auth/logout`, { authorization: `Bearer ${token}` });
      if (status !== 204) throw new Error(`sign-out answered ${status}`);
      waits.push(untilRevoked(verifier, token));
    });
    const seconds = (performance.now() - begun) / 1000;
    const all = await Promise.all(waits);
    console.log(
      `${tokens.length} sessions ended in ${seconds.toFixed(1)} s; refused by the verifier after the answer:`,
    );
    console.log(
      `p50 ${shown(quantile(all, 0.5))} ms, p99 ${shown(quantile(all, 0.99))} ms, longest ${shown(Math.max(...all))} ms (asked every ${ASK_MILLISECONDS} ms)`,
    );
  } finally {
    verifier.close();
    await subject.stop();
    store.remove();
  }
}

await main();
process.exit(0);
