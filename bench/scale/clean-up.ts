import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { sessions as signIn } from '../load.ts';
import { shown } from '../recorder.ts';
import { ask as post } from '../requests.ts';
import { PROGRAM, start } from '../subject.ts';
import { generatedStore } from './generated-store.ts';
import { personOf } from './people.ts';
import { printWaits } from './waits.ts';

// How long anybody waits while a server removes what has expired: `npm run bench -- --clean-up`. A store is made in which
// every session has expired long ago; a server is started on it, and asked for a refresh and a sign-in in turns, before its
// clean-up begins and until nothing is left. `--sessions N` says how many there are, `--folder DIR` takes a store that was
// generated before, whose sessions are gone then.

const { values } = parseArgs({
  options: {
    'clean-up': { type: 'boolean' },
    sessions: { type: 'string', default: '1000000' },
    folder: { type: 'string' },
  },
});
const sessions = Number(values.sessions);
const PEOPLE = 10_000;
const LONG_AGO_MILLISECONDS = 100 * 24 * 3_600_000;
/** How long a clean-up of a million may take at most before the run is given up. */
const GIVE_UP_MILLISECONDS = 1_200_000;

const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'latchkey-clean-up-'));
const file = generatedStore(folder, PEOPLE, sessions);

function age(): void {
  const database = new DatabaseSync(file);
  const ended = `created_at - ${LONG_AGO_MILLISECONDS}`;
  database.exec(`PRAGMA cache_size = -65536;
    UPDATE sessions SET expires_at = ${ended}, refresh_expires_at = ${ended}`);
  database.close();
}

interface Sample {
  readonly kind: 'refresh' | 'sign-in';
  readonly begun: number;
  readonly milliseconds: number;
}

/** Where the clean-up is: the first of what is left to remove; null when there is nothing. */
function watch(): { next(): unknown; close(): void } {
  const database = new DatabaseSync(file, { readOnly: true });
  const first = database.prepare('SELECT id FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT 1');
  return {
    next: () => first.get(Date.now() - LONG_AGO_MILLISECONDS / 2)?.id ?? null,
    close: () => database.close(),
  };
}

age();
const subject = await start(PROGRAM, ['serve'], folder);
const progress = watch();
try {
  const { username } = personOf(1);
  let [tokens] = await signIn(subject.url, [username], 1);
  const samples: Sample[] = [];
  const timed = async <T>(kind: Sample['kind'], work: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    const result = await work();
    samples.push({ kind, begun, milliseconds: performance.now() - begun });
    return result;
  };
  const before = progress.next();
  let began: number | undefined;
  const given = performance.now() + GIVE_UP_MILLISECONDS;
  for (let next = before; next !== null && performance.now() < given; next = progress.next()) {
    if (began === undefined && next !== before) began = performance.now();
    for (let count = 0; count < 20; count += 1) {
      const body = JSON.stringify({ refresh_token: tokens?.refresh_token });
      const headers = { 'content-type': 'application/json' };
      const { status, text } = await timed('refresh', () =>
        post(`${subject.url}/auth/refresh-token`, headers, body),
      );
      if (status !== 200) throw new Error(`a refresh was answered with ${status}`);
      tokens = JSON.parse(text) as NonNullable<typeof tokens>;
    }
    await timed('sign-in', () => signIn(subject.url, [username], 1));
  }
  const ended = performance.now();
  if (ended >= given)
    throw new Error(`the clean-up did not end within ${GIVE_UP_MILLISECONDS / 60_000} minutes`);
  const waitsOf = (part: readonly Sample[]) => {
    const of = (wanted: Sample['kind']) =>
      part.filter(({ kind }) => kind === wanted).map(({ milliseconds }) => milliseconds);
    return { refresh: of('refresh'), 'sign-in': of('sign-in') };
  };
  const since = began ?? ended;
  printWaits(
    `${sessions} expired sessions, removed in ${shown((ended - since) / 1000)} s`,
    waitsOf(samples.filter(({ begun }) => begun < since)),
    waitsOf(samples.filter(({ begun }) => begun >= since)),
  );
} finally {
  progress.close();
  await subject.stop();
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
