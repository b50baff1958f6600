import { type Clock, systemClock } from '../ports.ts';

/** What a machine knows of the time by itself. */
export interface MachineClock extends Clock {
  /** Milliseconds since whenever. Nobody sets it, and it may stand still while the machine sleeps. */
  steadyNow(): number;
}

const MACHINE: MachineClock = { ...systemClock, steadyNow: () => performance.now() };

/** How long it goes on before it looks at the database again. */
const LOOK_MILLISECONDS = 10_000;

/** How soon it looks when the machine's clock was set, or the machine has slept. */
const HURRY_MILLISECONDS = 500;

/** What two looks at the same time may differ by, beside what the way there and back takes. */
const NOISE_MILLISECONDS = 20;

/**
 * The time of the database, which is the same for all servers on one store: their machines may not agree on it, and may be set.
 * Between two looks it goes on by the machine's steady clock; when the database does not answer, for as long as that lasts.
 * @param databaseTime milliseconds since 1970
 * @throws StoreUnavailableError when the first look fails
 */
export async function openStoreClock(
  databaseTime: () => Promise<number>,
  machine: MachineClock = MACHINE,
): Promise<Clock> {
  /** What is added to the steady clock; and what both clocks said when that was looked at. */
  let offset = Number.NaN;
  let lookedAt = { now: machine.now(), steady: machine.steadyNow() };
  let isLooking = false;

  async function look(): Promise<void> {
    isLooking = true;
    lookedAt = { now: machine.now(), steady: machine.steadyNow() };
    try {
      const told = await databaseTime();
      const half = (machine.steadyNow() - lookedAt.steady) / 2;
      const seen = told - (lookedAt.steady + half);
      // Within what cannot be told apart it stays: time is not to go back for nothing.
      if (!(Math.abs(seen - offset) <= half + NOISE_MILLISECONDS)) offset = seen;
    } finally {
      isLooking = false;
    }
  }

  await look();
  return {
    now() {
      const steady = machine.steadyNow();
      const passed = steady - lookedAt.steady;
      const isOff = Math.abs(machine.now() - lookedAt.now - passed) > HURRY_MILLISECONDS;
      // The next request has what is seen: none waits for it.
      if (!isLooking && passed > (isOff ? HURRY_MILLISECONDS : LOOK_MILLISECONDS))
        look().catch(() => undefined);
      return Math.round(offset + steady);
    },
  };
}
