import { startMailSink } from '../../server/testing/mail-sink.ts';
import { clientOf } from './client.ts';
import { LEDGER_SETTINGS } from './crash.ts';
import { USERS } from './effects.ts';
import { atLeast, type Drill, ENGINES, type Fault, type Figure, none, pause } from './fault.ts';
import { capacityOf, type Journeys, MAILED, openJourneys, steadyJourneys } from './journeys.ts';
import { loadPeople } from './people.ts';
import { median, quarters, type Sample, sampled, slopePerHour, TABLES } from './samples.ts';

/** How long everything lives: short enough to be over many times. */
interface Times {
  readonly minutes: number;
  readonly lifeSeconds: number;
  readonly keepSeconds: number;
  readonly everySeconds: number;
  readonly sampleSeconds: number;
  readonly capacitySeconds: number;
}

const TIMES: Readonly<Record<'short' | 'full', Times>> = {
  short: {
    minutes: 0.08,
    lifeSeconds: 4,
    keepSeconds: 1,
    everySeconds: 1,
    sampleSeconds: 0.25,
    capacitySeconds: 1,
  },
  full: {
    minutes: 60,
    lifeSeconds: 60,
    keepSeconds: 30,
    everySeconds: 10,
    sampleSeconds: 5,
    capacitySeconds: 10,
  },
};

const VOUCHERS = 200_000;
const AT_ONCE = 8;

/** A revocation is kept for as long as an access token of the native API lives, and a little. */
const REVOCATION_SECONDS = 930;

/** A machine that is shared has less at times than when its capacity was measured. With more than this, that was no half. */
const MOST_TURNED_AWAY_PERCENT = 20;

/** By how much something may be more at the end than in the second quarter, and not be told from noise. */
const MORE = {
  memoryMib: 24,
  heapMib: 8,
  memoryRatio: 1.1,
  descriptors: 16,
  delayMilliseconds: 50,
  rows: 100,
  rowsRatio: 1.3,
};

/** Half of what a server can do, for an hour, while everything expires again and again. */
export const soak: Fault = {
  id: 'RL-14',
  name: 'soak',
  promise: 'an hour of work leaves no more behind than a minute: memory, descriptors, delay and tables stay',
  async run(drill) {
    const times = { ...TIMES[drill.scale], ...(drill.minutes === null ? {} : { minutes: drill.minutes }) };
    // Side by side: each gets half of half of the machine.
    const both = await Promise.allSettled(ENGINES.map((engine) => soaked(drill, engine, times)));
    return both.flatMap((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
  },
};

async function soaked(drill: Drill, engine: (typeof ENGINES)[number], times: Times): Promise<Figure[]> {
  const mail = await startMailSink();
  drill.later(() => mail.stop());
  const store: Record<string, string> =
    engine === 'postgres' ? { LATCHKEY_STORE_URL: await drill.database(await drill.postgres()) } : {};
  const work = drill.workplace({ ...LEDGER_SETTINGS, ...settings(drill, times), ...store });
  await loadPeople(work, { users: USERS, mailed: MAILED, codes: drill.scale === 'short' ? 5000 : VOUCHERS });
  const server = await work.serve(['serve'], { LATCHKEY_MAIL_URL: mail.url });
  const journeys = openJourneys(
    clientOf(() => server.url),
    mail,
    VOUCHERS,
  );
  const capacity = await capacityOf(journeys, AT_ONCE, times.capacitySeconds);
  const load = steadyJourneys(journeys, capacity / 2);
  // Until as much ends as begins.
  await pause((times.lifeSeconds + times.keepSeconds + times.everySeconds) * 1500);
  drill.progress(
    `${engine}: ${capacity.toFixed(1)} ways/s are possible, ${(capacity / 2).toFixed(1)} are gone`,
  );
  const samples = await sampled(server.url, work.configuration().store.url, {
    everySeconds: times.sampleSeconds,
    seconds: times.minutes * 60,
  });
  const perSecond = capacity / 2;
  await load.stop();
  const { code } = await server.end('SIGTERM');
  return [
    ...figuresOf(engine, samples, drill.patience),
    ...rowFigures(engine, samples, perSecond),
    ...answerFigures(engine, journeys, samples),
    none(`${engine}: exit code of an orderly stop afterwards`, code ?? -1),
  ];
}

function settings(drill: Drill, times: Times): Record<string, string> {
  const hashing = { LATCHKEY_HASHING_MEMORY_KIB: '19456', LATCHKEY_HASHING_PASSES: '2' };
  return {
    // In the short form hashing is cheap, as everywhere in tests.
    ...(drill.scale === 'full' ? hashing : {}),
    LATCHKEY_MOUNTS: JSON.stringify([
      { contract: 'login', accessTokenSeconds: times.lifeSeconds, refreshTokenSeconds: times.lifeSeconds },
      { contract: 'credential-type', accessTokenSeconds: times.lifeSeconds },
    ]),
    LATCHKEY_SESSION_MAX_SECONDS: String(times.lifeSeconds),
    LATCHKEY_CHALLENGE_TICKET_SECONDS: String(times.lifeSeconds),
    LATCHKEY_CLEAN_UP_KEEP_SECONDS: String(times.keepSeconds),
    LATCHKEY_CLEAN_UP_EVERY_SECONDS: String(times.everySeconds),
    LATCHKEY_MAIL_LIMIT_PROVEN_PER_ADDRESS: '1000000',
  };
}

/** Something that must not be above a limit. */
function atMost(what: string, seen: number, limit: number, unit: string): Figure {
  const shown = (value: number) => `${value.toFixed(unit === '' ? 0 : 1)}${unit}`;
  return { what, seen: shown(seen), promised: `≤ ${shown(limit)}`, holds: seen <= limit };
}

function figuresOf(engine: string, samples: readonly Sample[], patience: number): Figure[] {
  const memory = quarters(samples, ({ memoryMib }) => memoryMib);
  const descriptors = quarters(samples, (sample) => sample.descriptors);
  const delay = quarters(samples, ({ delayMilliseconds }) => delayMilliseconds);
  // What is left of it when rubbish has just been collected.
  const heap = quarters(samples, ({ heapMib }) => heapMib);
  const before = median(memory.second);
  const slope = slopePerHour(samples, ({ memoryMib }) => memoryMib);
  return [
    atLeast(`${engine}: looks at it`, samples.length, 8),
    atMost(
      `${engine}: resident memory in the last quarter, after ${before.toFixed(1)} MiB in the second (slope of the second half ${slope.toFixed(1)} MiB/h)`,
      median(memory.last),
      before * MORE.memoryRatio + MORE.memoryMib * patience,
      ' MiB',
    ),
    atMost(
      `${engine}: least heap in the last quarter, after ${Math.min(...heap.second).toFixed(1)} MiB in the second`,
      Math.min(...heap.last),
      Math.min(...heap.second) * MORE.memoryRatio + MORE.heapMib * patience,
      ' MiB',
    ),
    atMost(
      `${engine}: descriptors in the last quarter, after ${Math.max(...descriptors.second)} in the second`,
      Math.max(...descriptors.last),
      Math.max(...descriptors.second) + MORE.descriptors,
      '',
    ),
    atMost(
      `${engine}: delay of the event loop (p99) in the last quarter, after ${median(delay.second).toFixed(1)} ms in the second`,
      median(delay.last),
      (median(delay.second) + MORE.delayMilliseconds) * patience,
      ' ms',
    ),
  ];
}

function rowFigures(engine: string, samples: readonly Sample[], perSecond: number): Figure[] {
  return TABLES.map((table) => {
    const { second, last } = quarters(samples, ({ rows }) => rows[table] ?? 0);
    const before = Math.max(...second);
    // At most one of each way.
    const limit =
      table === 'revocations' ? perSecond * REVOCATION_SECONDS : before * MORE.rowsRatio + MORE.rows;
    return atMost(
      `${engine}: rows of ${table} in the last quarter, after ${before} in the second`,
      Math.max(...last),
      limit,
      '',
    );
  });
}

function answerFigures(engine: string, { counts, odd }: Journeys, samples: readonly Sample[]): Figure[] {
  const sessions = Math.max(...quarters(samples, ({ rows }) => rows.sessions ?? 0).last);
  const kinds = [...odd].map(([what, count]) => `${what} × ${count}`).join(', ');
  const unexpected = [...odd.values()].reduce((sum, count) => sum + count, 0);
  return [
    atLeast(
      `${engine}: sessions begun, of which ${sessions} are there`,
      counts.signIns + counts.codes,
      sessions * 1.25,
    ),
    atLeast(
      `${engine}: ways that were gone, ${counts.mailed} by mail and ${counts.codes} codes`,
      counts.begun,
      10,
    ),
    atMost(
      `${engine}: answers of 503, for each hundred ways`,
      (counts.turnedAway / counts.begun) * 100,
      MOST_TURNED_AWAY_PERCENT,
      ' %',
    ),
    none(`${engine}: other answers that were not as they should be${kinds && `: ${kinds}`}`, unexpected),
  ];
}
