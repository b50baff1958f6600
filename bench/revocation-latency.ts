import { execFileSync } from 'node:child_process';
import { hashSync } from '@node-rs/argon2';
import { createVerifier, TokenRefusedError, type Verifier } from '../verifier/src/index.ts';
import { ask, askUntilServed, times } from './requests.ts';
import { PASSWORD } from './scenarios.ts';
import { environment, makeStore, PROGRAM, type Subject, start } from './subject.ts';

// How long after a sign-out was acknowledged a resource server refuses the session's token, when thousands of sessions end
// in a burst. Hashing is cheap here: it is not what is measured.

const SESSIONS = Number(/--sessions=(\d+)/.exec(process.argv.join(' '))?.[1] ?? 10_000);
const ASK_MILLISECONDS = 20;
const PEOPLE = 2000;
const COST = { memoryKib: 64, passes: 1 };
const SETTINGS = {
  LATCHKEY_HASHING_MEMORY_KIB: String(COST.memoryKib),
  LATCHKEY_HASHING_PASSES: String(COST.passes),
};

async function signInAll(subject: Subject, usernames: readonly string[]): Promise<string[]> {
  const tokens: string[] = [];
  const headers = { 'content-type': 'application/json' };
  await times(SESSIONS, async (index) => {
    const body = JSON.stringify({ username: usernames[index % usernames.length], password: PASSWORD });
    const answer = await askUntilServed(`${subject.url}/auth/login`, headers, body);
    if (answer.status !== 200) throw new Error(`a sign-in was answered ${answer.status}`);
    tokens.push((JSON.parse(answer.text) as { access_token: string }).access_token);
  });
  return tokens;
}

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
  const cheap = { algorithm: 2, memoryCost: COST.memoryKib, timeCost: COST.passes, parallelism: 1 };
  const store = makeStore(PEOPLE, hashSync(PASSWORD, cheap));
  const subject = await start(PROGRAM, ['serve'], store.directory, SETTINGS);
  const added = execFileSync(PROGRAM, ['resource-server', 'add', 'bench', '--json'], {
    cwd: store.directory,
    env: environment(),
  });
  const { credential } = JSON.parse(added.toString()) as { credential: string };
  const verifier = createVerifier({ issuer: subject.url, revocations: { credential } });
  try {
    await verifier.ready();
    const tokens = await signInAll(subject, store.usernames);
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
    const sorted = (await Promise.all(waits)).sort((a, b) => a - b);
    const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(0);
    console.log(
      `${tokens.length} sessions ended in ${seconds.toFixed(1)} s; refused by the verifier after the answer:`,
    );
    console.log(
      `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms (asked every ${ASK_MILLISECONDS} ms)`,
    );
  } finally {
    verifier.close();
    await subject.stop();
    store.remove();
  }
}

await main();
process.exit(0);
