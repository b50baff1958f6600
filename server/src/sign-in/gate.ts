import { addressKey } from '../limits/address-key.ts';
import type { Counted } from '../limits/windows.ts';
import type { Outcome } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';

/** A limit that the work meets takes as long as it takes to find out whose it is. */
const HELD_BACK: readonly Outcome['kind'][] = ['refused', 'throttled'];

/**
 * What every door where something secret is shown stands behind: an address that failed too often lately must wait, right
 * or wrong, and a refusal is held back until the time that every refusal takes, so that its reason cannot be told by time.
 * @param unequal further kinds of outcome that are held back: those whose time could tell what was found
 * @param whoAsks who asks the other servers whether the address must wait: the work itself may, once it knows what was shown
 */
export async function throughGate(
  corridor: Pick<Corridor, 'windows' | 'limits' | 'clock'>,
  attempt: Attempt,
  work: () => Promise<Outcome>,
  unequal: readonly Outcome['kind'][] = [],
  whoAsks: 'the-gate' | 'the-work' = 'the-gate',
): Promise<Outcome> {
  const address = [ofAddress(attempt)];
  const { windows } = corridor;
  const refusals = whenDue(corridor, attempt);
  try {
    const wait = await (whoAsks === 'the-work' ? windows.knownWait(address) : windows.wait(address));
    if (wait !== null) return { kind: 'throttled', retryAfterSeconds: wait };
    const outcome = await work();
    if (HELD_BACK.includes(outcome.kind) || unequal.includes(outcome.kind)) await refusals.areDue;
    return outcome;
  } finally {
    refusals.cancel();
  }
}

/**
 * The time of every refusal. Its timer is set before the work: timers have a grain of a millisecond, and one that is set after
 * the work ends a fraction of that earlier or later by how long the work took.
 */
function whenDue(
  { limits, clock }: Pick<Corridor, 'limits' | 'clock'>,
  { caller }: Attempt,
): { readonly areDue: Promise<void>; cancel(): void } {
  const due = caller.arrivedAt + limits.refusalMilliseconds - clock.now();
  // A clock that is set back keeps nobody waiting.
  const remaining = Math.min(due, limits.refusalMilliseconds);
  let timer: NodeJS.Timeout | undefined;
  const areDue = new Promise<void>((resolve) => {
    if (remaining <= 0) resolve();
    else timer = setTimeout(resolve, remaining);
  });
  return { areDue, cancel: () => clearTimeout(timer) };
}

/** Whose turn it is in a queue: the client's address, or its network. */
export const sourceOf = ({ caller }: Pick<Attempt, 'caller'>): string => addressKey(caller.address);

/**
 * Counts a failure of whoever is calling.
 * @param also what it is counted for beside the address
 * @returns the outcome, when it is one more than there may be: then nothing is told of what was shown, so that of any number
 *   of guesses at once no more are answered than there may be
 */
export async function countFailure(
  { windows }: Pick<Corridor, 'windows'>,
  attempt: Attempt,
  also: readonly Counted[] = [],
): Promise<Outcome | null> {
  return throttledFor(await windows.fail([ofAddress(attempt), ...also]));
}

/**
 * Counts a request of whoever is calling that anybody may make, whatever comes of it: before anything is looked up, so that
 * the answer tells nothing. What is written down about each would fill the disk otherwise.
 * @returns the outcome, when it is one more than there may be
 */
export async function countAsking(
  { windows }: Pick<Corridor, 'windows'>,
  attempt: Attempt,
): Promise<Outcome | null> {
  return throttledFor(await windows.fail([{ window: 'asking', key: sourceOf(attempt) }]));
}

/**
 * Whether whoever is calling must wait although what was shown is right: those who were wrong at the same time may have used
 * the limit up since the gate.
 */
export async function mustWait(
  { windows }: Pick<Corridor, 'windows'>,
  attempt: Attempt,
  also: readonly Counted[] = [],
): Promise<Outcome | null> {
  return throttledFor(await windows.wait([ofAddress(attempt), ...also]));
}

/**
 * What guesses from many addresses are counted for. By the mount's organisation, not by that of the account that is named:
 * else the answer would tell who belongs to it.
 */
export function wideWindows({ mount }: Attempt): Counted[] {
  const everybody: Counted = { window: 'everybody', key: 'all' };
  return mount.organisation === null
    ? [everybody]
    : [everybody, { window: 'organisation', key: mount.organisation }];
}

const ofAddress = (attempt: Attempt): Counted => ({ window: 'address', key: sourceOf(attempt) });

function throttledFor(wait: number | null): Outcome | null {
  return wait === null ? null : { kind: 'throttled', retryAfterSeconds: wait };
}
