import { freePort } from '../../server/testing/postgres.ts';
import type { RunningServer, Workplace } from '../../server/testing/process.ts';
import { type Client, clientOf } from './client.ts';
import { USERS } from './effects.ts';
import { atLeast, type Drill, type Fault, type Figure, none, pause, until, within } from './fault.ts';
import { loadPeople, must, PASSWORD } from './people.ts';
import { askingServer, cachingVerifier, ownVerifier, type TokenChecker } from './verifiers.ts';

const SCALE = {
  short: { rotations: 3, everySeconds: 2 },
  full: { rotations: 10, everySeconds: 8 },
} as const;

const PUBLISH_SECONDS = 5;

/** Until the last key signs, and some time after that. */
const LAST_SECONDS = PUBLISH_SECONDS + 4;
const TOKEN_SECONDS = 30;

/** A token with less than this left is not checked: it could end on the way. */
const MARGIN_SECONDS = 5;
const EMERGENCY_MILLISECONDS = 1000;

/** Signing keys rotate on two servers while everybody checks tokens all the time; then one is ended at once. */
export const keyRotation: Fault = {
  id: 'RL-12',
  name: 'key-rotation',
  promise:
    'no good token is refused while keys rotate, whoever caches the JWKS; an emergency ends a key in 1 s',
  async run(drill) {
    const { work, nodes, checkers } = await startAll(drill);
    const clients = nodes.map(({ url }) => clientOf(() => url));
    const checking = checkAllTheTime(clients, checkers);
    const { rotations, everySeconds } = SCALE[drill.scale];
    for (let rotation = 1; rotation <= rotations; rotation += 1) {
      await must(work, ['key', 'rotate']);
      await pause(everySeconds * 1000);
      drill.progress(
        `${rotation} of ${rotations}: ${checking.checks} checks, ${checking.refused.length} refused`,
      );
    }
    await pause(LAST_SECONDS * 1000);
    await checking.stop();
    const figures: Figure[] = [
      atLeast('keys that signed, beside the first', checking.signers.size - 1, rotations),
      atLeast('checks of good tokens', checking.checks, rotations * 20),
      none(
        `of them refused${[...new Set(checking.refused)].map((each) => `; ${each}`).join('')}`,
        checking.refused.length,
      ),
      none('sign-ins that failed', checking.failedSignIns),
      ...(await emergency(drill, work, clients, checkers)),
    ];
    for (const node of nodes) await node.end('SIGTERM');
    return figures;
  },
};

async function startAll(drill: Drill) {
  const ports = [await freePort(), await freePort()];
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const issuer = urls[0] ?? '';
  const work = drill.workplace({
    LATCHKEY_STORE_URL: await drill.database(await drill.postgres()),
    LATCHKEY_PUBLIC_URL: issuer,
    LATCHKEY_KEYS_PUBLISH_SECONDS: String(PUBLISH_SECONDS),
    LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', accessTokenSeconds: TOKEN_SECONDS }]),
  });
  await loadPeople(work, { users: USERS });
  const { credential } = JSON.parse(await must(work, ['resource-server', 'add', 'reports', '--json']));
  const nodes: RunningServer[] = [];
  for (const port of ports) nodes.push(await work.serve(['serve'], { LATCHKEY_LISTEN_PORT: String(port) }));
  const checkers = urls.flatMap((url) => [
    askingServer(url),
    ownVerifier(issuer, url, null),
    ownVerifier(issuer, url, credential),
    cachingVerifier(issuer, url),
  ]);
  for (const checker of checkers) drill.later(checker.stop);
  return { work, nodes, checkers };
}

interface Token {
  readonly text: string;
  readonly goodUntil: number;
}

async function tokenOf(client: Client, number: number): Promise<Token | null> {
  const credentials = { username: `user${number % USERS}`, password: PASSWORD };
  const { status, body } = await client.post('/auth/login', credentials);
  if (status !== 200) return null;
  const goodUntil = performance.now() + (TOKEN_SECONDS - MARGIN_SECONDS) * 1000;
  return { text: body.access_token as string, goodUntil };
}

function signerOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid as string;
}

/** Gets a token from each server again and again, and has everybody check the newest ones and the oldest. */
function checkAllTheTime(clients: readonly Client[], checkers: readonly TokenChecker[]) {
  const seen = { checks: 0, failedSignIns: 0, refused: [] as string[], signers: new Set<string>() };
  let working = true;
  let held: Token[] = [];
  const check = async (checker: TokenChecker, { text }: Token) => {
    const why = await checker.refuses(text);
    seen.checks += 1;
    if (why !== null) seen.refused.push(`${checker.name}: ${why}`);
  };
  const loop = async () => {
    for (let number = 0; working; number += 1) {
      for (const client of clients) {
        const token = await tokenOf(client, number);
        if (token === null) seen.failedSignIns += 1;
        else {
          seen.signers.add(signerOf(token.text));
          held.push(token);
        }
      }
      held = held.filter(({ goodUntil }) => goodUntil > performance.now());
      const some = new Set([...held.slice(0, 2), ...held.slice(-2)]);
      await Promise.all(checkers.flatMap((checker) => [...some].map((token) => check(checker, token))));
      await pause(50);
    }
  };
  const ended = loop();
  return Object.assign(seen, {
    async stop() {
      working = false;
      await ended;
    },
  });
}

/** Ends the keys that there are, and sees how long after the new one was made an old token is refused, and by whom. */
async function emergency(
  drill: Drill,
  work: Workplace,
  clients: readonly Client[],
  checkers: readonly TokenChecker[],
): Promise<Figure[]> {
  const [first] = clients;
  const old = first === undefined ? null : await tokenOf(first, 0);
  if (old === null) throw new Error('a sign-in failed');
  const refusedAt = new Map<string, number[]>();
  const watched = checkers.map(async (checker) => {
    await until(async () => (await checker.refuses(old.text)) !== null, TOKEN_SECONDS * 1000);
    refusedAt.set(checker.name, [...(refusedAt.get(checker.name) ?? []), Date.now()]);
  });
  const made = JSON.parse(await must(work, ['key', 'rotate', '--emergency', '--json'])) as {
    signsFrom: string;
  }[];
  const begun = Date.parse(made[0]?.signsFrom ?? '');
  await Promise.all(watched);
  const after = (name: string) => (refusedAt.get(name) ?? []).map((at) => at - begun);
  const atOnce = ['server', 'verifier that follows revocations'].map((name) =>
    within(
      `emergency: until a ${name} refuses an old token`,
      after(name),
      EMERGENCY_MILLISECONDS * drill.patience,
    ),
  );
  const fresh = await Promise.all(clients.map((client) => tokenOf(client, 1)));
  const refused = await Promise.all(
    fresh.map(async (token, index) => checkers[index * 4]?.refuses(token?.text ?? '') ?? null),
  );
  return [
    ...atOnce,
    within(
      'emergency: until one with a cached JWKS does',
      after('jose with a cached JWKS'),
      (PUBLISH_SECONDS * 1000 + EMERGENCY_MILLISECONDS) * drill.patience,
    ),
    none('emergency: new tokens that a server refuses', refused.filter((why) => why !== null).length),
  ];
}
