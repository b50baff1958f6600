import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, type Client, clientOf } from './client.ts';
import { LEDGER_SETTINGS } from './crash.ts';
import { EFFECTS_WITHOUT_MAIL, USERS } from './effects.ts';
import { atLeast, type Drill, type Fault, isTrue, none, pause, until, within } from './fault.ts';
import { openLedger } from './ledger.ts';
import { signInProbe } from './load.ts';
import { loadPeople, PASSWORD } from './people.ts';

const ROUNDS = { short: 1, full: 10 } as const;
/** More than all that a slow machine writes before it is told to stop. */
const DISK_MIB = 64;
const FILL_BYTES = DISK_MIB * 1024 * 1024;
const RECOVERY_MILLISECONDS = 5000;

/** A small disk with the embedded store and the log on it becomes full, and has space again. */
export const diskFull: Fault = {
  id: 'RL-13',
  name: 'disk-full',
  promise:
    'on a full disk writes are answered 503 and reads go on; nothing acknowledged is lost, and space is all it needs',
  missing: cannotMount,
  async run(drill) {
    const disk = mountDisk(drill);
    const work = drill.workplace({
      ...LEDGER_SETTINGS,
      LATCHKEY_STORE_URL: `sqlite:${disk}/latchkey.db`,
      // Who waits for a place that was lost on the full disk is told so in time, and somebody else is asked for.
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '2000',
    });
    await loadPeople(work, { users: USERS, guessed: 300, changing: 1000, codes: 3000 });
    // The log too is written to that disk.
    const wrapper = ['sh', '-c', `exec "$@" >>'${disk}/log'`, 'sh'];
    const server = await work.serve(['serve'], {}, wrapper);
    const client = clientOf(() => server.url);
    const ledger = openLedger({ client, mail: null }, EFFECTS_WITHOUT_MAIL);
    const { accessToken } = (await client.post('/v1/sign-in', { identifier: 'user0', password: PASSWORD }))
      .body;
    const writes: Answer[] = [];
    const reads: Answer[] = [];
    const recoveries: number[] = [];
    for (let round = 0; round < ROUNDS[drill.scale]; round += 1) {
      const working = ledger.work();
      await pause(300);
      fill(disk);
      await pause(200);
      for (let each = 0; each < 10; each += 1) {
        writes.push(await client.post('/v1/sign-in', { identifier: `user${each}`, password: PASSWORD }));
        reads.push(
          await client.get('/v1/session', accessToken),
          await client.get('/livez'),
          await client.get('/.well-known/jwks.json'),
        );
      }
      rmSync(join(disk, 'filler'));
      recoveries.push(await until(signInProbe(client), 20_000));
      await working.stop();
      await ledger.checkNew();
    }
    const gone = await goneSessions(client, writes);
    await pause(1100);
    await ledger.checkAll();
    const verified = await work.run(['audit', 'verify']);
    const { code } = await server.end('SIGTERM');
    return [
      atLeast(
        'effects acknowledged around it',
        Object.values(ledger.counts).reduce((a, b) => a + b, 0),
        10,
      ),
      atLeast('writes on a full disk that were told 503', having(writes, 503).length, ROUNDS[drill.scale]),
      none(
        'those that were neither told so nor had room in the journal',
        writes.length - having(writes, 503).length - having(writes, 200).length,
      ),
      none('those that were done and are gone', gone),
      none(
        '503 without Retry-After',
        writes.filter(({ status, retryAfter }) => status === 503 && retryAfter === null).length,
      ),
      none('reads on a full disk that failed', reads.filter(({ status }) => status !== 200).length),
      none(
        `acknowledged and lost, or spent and alive again: ${ledger.problems
          .slice(0, 3)
          .map(({ what }) => what)
          .join('; ')}`,
        ledger.problems.length,
      ),
      none('answers of 500', ledger.oddAnswers.length),
      within('until it works again when there is space', recoveries, RECOVERY_MILLISECONDS * drill.patience),
      isTrue('the audit log is whole', verified.code === 0),
      none('exit code of an orderly stop afterwards', code ?? -1),
    ];
  },
};

const having = (answers: readonly Answer[], wanted: number) =>
  answers.filter(({ status }) => status === wanted);

/** How many of the sessions that were begun do not stand. */
async function goneSessions(client: Client, signIns: readonly Answer[]): Promise<number> {
  let gone = 0;
  for (const { body } of having(signIns, 200))
    if ((await client.get('/v1/session', body.accessToken)).status !== 200) gone += 1;
  return gone;
}

function mountDisk(drill: Drill): string {
  const disk = mkdtempSync(join(tmpdir(), 'latchkey-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=0700`, 'tmpfs', disk]);
  drill.later(() => {
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  return disk;
}

/** Takes all the space there is. */
function fill(disk: string): void {
  for (let size = FILL_BYTES; size >= 4096; size = Math.floor(size / 2)) {
    try {
      writeFileSync(join(disk, 'filler'), Buffer.alloc(size, 1), { flag: 'a' });
    } catch {
      // As much of it as fitted is there now.
    }
  }
}

function cannotMount(): string | null {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' });
    execFileSync('umount', [directory], { stdio: 'ignore' });
    return null;
  } catch {
    return 'a small disk cannot be mounted here: that takes root and CAP_SYS_ADMIN';
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
