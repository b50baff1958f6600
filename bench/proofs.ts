import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Secret, TOTP } from 'otpauth';
import { SMTPServer } from 'smtp-server';
import { CHEAP_HASHING, cheapPasswordHash } from './cheap-hashes.ts';
import { load } from './load.ts';
import type { LoopDelays } from './loop-delay.ts';
import { heading, median, type Summary, shown } from './recorder.ts';
import { askUntilServed, times } from './requests.ts';
import { PASSWORD } from './scenarios.ts';
import { type BenchStore, makeStore, PROGRAM, type Subject, start } from './subject.ts';

// How many second factors are proven in a second: codes of authenticator apps and mailed PINs, each for a challenge of its
// own, each beginning a session. The passwords before them are cheap here: they are another figure.

type Kind = 'totp' | 'email';

const CONNECTIONS = [1, 8, 64] as const;
const KINDS: readonly Kind[] = ['totp', 'email'];
const PROOFS = 1500;
const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const WARM_UP_MILLISECONDS = 100;
const LONGEST_SECONDS = 30;
const PLENTY = '100000000';
const SETTINGS = {
  ...CHEAP_HASHING,
  LATCHKEY_MAIL_LIMIT_PROVEN_PER_SOURCE: PLENTY,
  LATCHKEY_MAIL_LIMIT_PER_ORGANISATION: PLENTY,
  LATCHKEY_MAIL_LIMIT_PER_DAY: PLENTY,
};

/** A mail server that keeps nothing but the PIN of each address. */
interface PinServer {
  readonly url: string;
  /** The PIN that came to an address last; waits for it. */
  pin(address: string): Promise<string>;
  stop(): void;
}

/** What the proofs are measured with. */
interface Bench {
  readonly subject: Subject;
  readonly store: BenchStore;
  readonly mail: PinServer;
  /** The file that the server writes `LoopDelays` into. */
  readonly delays: string;
}

function startPinServer(): Promise<PinServer> {
  const pins = new Map<string, string>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      let text = '';
      stream.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
      });
      stream.once('end', () => {
        // The words come before the HTML, the PIN alone on a line of theirs.
        const pin = /^\s*(\d{6})\s*$/m.exec(text)?.[1] ?? '';
        for (const { address } of session.envelope.rcptTo) pins.set(address, pin);
        done();
      });
    },
  });
  return new Promise((resolve) => {
    const listening = server.listen(0, '127.0.0.1', () => {
      const { port } = listening.address() as { port: number };
      resolve({
        url: `smtp://127.0.0.1:${port}`,
        async pin(address) {
          while (!pins.has(address)) await setTimeout(20);
          return pins.get(address) ?? '';
        },
        stop: () => server.close(),
      });
    });
  });
}

/** Signs people in up to their second factor, and gives the bodies that prove it. */
async function challenges(
  { subject, mail }: Bench,
  usernames: readonly string[],
  kind: Kind,
): Promise<string[]> {
  const tokens: { readonly username: string; readonly token: string }[] = [];
  await times(usernames.length, async (index) => {
    const username = usernames[index] ?? '';
    const answer = await askUntilServed(
      `${subject.url}/v1/sign-in`,
      { 'content-type': 'application/json' },
      JSON.stringify({ identifier: username, password: PASSWORD }),
    );
    const { challenge_token: token } = JSON.parse(answer.text) as { challenge_token?: string };
    if (token === undefined) throw new Error(`no challenge came: ${answer.status} ${answer.text}`);
    tokens.push({ username, token });
  });
  const totp = new TOTP({ secret: Secret.fromBase32(SEED), algorithm: 'SHA1', digits: 6, period: 30 });
  const code = async (username: string) =>
    kind === 'totp' ? totp.generate() : mail.pin(`${username}@example.com`);
  return Promise.all(
    tokens.map(async ({ username, token }) =>
      JSON.stringify({ challenge_token: token, code: await code(username) }),
    ),
  );
}

/** Prints proofs a second beside the echo, and how long the event loop was held meanwhile. */
export async function measureProofs(echoPerSecond: () => Promise<number>, rounds: number): Promise<void> {
  // Everybody proves once: a time step is good for one code of an account. The first run of each kind is not counted: a
  // server that has just started compiles what it has not run yet.
  const runs = KINDS.length * (CONNECTIONS.length * rounds + 1);
  const store = makeStore(runs * PROOFS, cheapPasswordHash(), (index) => ({
    secondFactor: Math.floor(index / PROOFS) % 2 === 0 ? { totp: SEED } : { email: true },
  }));
  const mail = await startPinServer();
  const delays = join(store.directory, 'loop-delays.json');
  const subject = await start(PROGRAM, ['serve'], store.directory, {
    ...SETTINGS,
    LATCHKEY_MAIL_URL: mail.url,
    NODE_OPTIONS: `--import=${fileURLToPath(new URL('loop-delay.ts', import.meta.url))}`,
    BENCH_LOOP_DELAYS: delays,
  });
  try {
    await measure({ subject, store, mail, delays }, echoPerSecond, rounds);
  } finally {
    await subject.stop();
    mail.stop();
    store.remove();
  }
}

/** Does some work while the event loop of the server is watched. */
async function watched<Result>(bench: Bench, work: () => Promise<Result>): Promise<[Result, LoopDelays]> {
  rmSync(bench.delays, { force: true });
  bench.subject.signal('SIGUSR2');
  const result = await work();
  bench.subject.signal('SIGUSR2');
  while (!existsSync(bench.delays)) await setTimeout(20);
  return [result, JSON.parse(readFileSync(bench.delays, 'utf8')) as LoopDelays];
}

async function measure(bench: Bench, echoPerSecond: () => Promise<number>, rounds: number): Promise<void> {
  heading(
    'second factors proven, a session each, beside a bare Fastify echo; how long a turn of the event loop took',
  );
  console.log(
    'factor connections       /s    floor/s    ratio   p50 ms   p99 ms   turn p99 ms   longest   without gc   other answers',
  );
  let run = 0;
  const nextLoad = async (kind: Kind, connections: number) => {
    const people = bench.store.usernames.slice(run * PROOFS, (run + 1) * PROOFS);
    run += 1;
    const data = await challenges(bench, people, kind);
    const order = { url: bench.subject.url, scenario: 'proof', connections, data } as const;
    return () => load({ ...order, seconds: LONGEST_SECONDS, warmUpMilliseconds: WARM_UP_MILLISECONDS });
  };
  for (const kind of KINDS) await (await nextLoad(kind, 1))();
  for (const connections of CONNECTIONS) {
    const measured = KINDS.map((kind) => ({ kind, summaries: [] as Summary[], turns: [] as LoopDelays[] }));
    const floors: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      floors.push(await echoPerSecond());
      for (const { kind, summaries, turns } of measured) {
        const [summary, delays] = await watched(bench, await nextLoad(kind, connections));
        summaries.push(summary);
        turns.push(delays);
      }
    }
    for (const { kind, summaries, turns } of measured)
      print(kind, connections, summaries, median(floors), turns);
  }
  console.log(
    '(a turn by the processor, all that many connections ask at once included; without gc: the longest in which the collector of garbage did nothing)',
  );
}

function print(
  kind: Kind,
  connections: number,
  summaries: readonly Summary[],
  floor: number,
  turns: readonly LoopDelays[],
): void {
  const perSecond = median(summaries.map((summary) => summary.perSecond));
  const others = summaries.flatMap(({ statuses }) =>
    Object.entries(statuses).filter(([status]) => status !== '200'),
  );
  console.log(
    [
      (kind === 'email' ? 'PIN' : 'TOTP').padEnd(6),
      String(connections).padStart(11),
      shown(perSecond).padStart(8),
      shown(floor).padStart(10),
      `${shown((perSecond / floor) * 100, 1)} %`.padStart(8),
      shown(median(summaries.map((summary) => summary.p50Milliseconds)), 2).padStart(8),
      shown(median(summaries.map((summary) => summary.p99Milliseconds)), 2).padStart(8),
      shown(median(turns.map(({ processorP99 }) => processorP99)), 2).padStart(13),
      shown(Math.max(...turns.map(({ processorMax }) => processorMax)), 2).padStart(9),
      shown(Math.max(...turns.map(({ ownMax }) => ownMax)), 2).padStart(12),
      `  ${others.map(([status, count]) => `${count} × ${status}`).join(', ') || '–'}`,
    ].join(' '),
  );
}
