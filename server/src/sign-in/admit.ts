import { deviceOf } from '../accounts/fingerprint.ts';
import type { Outcome } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { isRecognised } from './device.ts';
import { wideWindows } from './gate.ts';
import type { Candidate, Identified } from './identify.ts';
import { type Admission, type Counted, deviceKey, type Hold } from './throttle.ts';

/** An attempt at a password that was counted for everybody it may be meant for. */
export interface Admitted {
  readonly holds: readonly Hold[];
  /** What is said in place of a refusal, when some of those who may be meant could not be tried. */
  readonly throttled: Outcome | null;
  /** What it counts for, if it fails, that many people share. */
  readonly wide: ReturnType<typeof wideWindows>;
}

/**
 * Counts an attempt before anything is evaluated.
 * @returns what it holds, or the outcome when nobody may be tried now
 */
export async function admitPassword(
  corridor: Corridor,
  attempt: Attempt,
  identified: Identified,
  fingerprint: string | null,
): Promise<Admitted | Outcome> {
  const { candidates, besides } = identified;
  const devices = await recognisedDevices(corridor, candidates, fingerprint);
  // What is guessed from many addresses does not keep those out whose device is known.
  const wide = devices.size > 0 ? [] : wideWindows(attempt);
  const wait = await corridor.windows.wait(wide);
  if (wait !== null) return { kind: 'throttled', retryAfterSeconds: wait };

  const counted = [...candidates.map((each) => each.counted), ...besides];
  const { arrivedAt } = attempt.caller;
  const admissions = await Promise.all(
    counted.map((each) => {
      const device = devices.get(each.key);
      return device
        ? corridor.throttle.admitRecognised(each, device, arrivedAt)
        : corridor.throttle.admit(each, arrivedAt);
    }),
  );
  const holds = admissions.flatMap((admission) => (admission.kind === 'held' ? [admission.hold] : []));
  const overloaded = admissions.find((admission) => admission.kind === 'overloaded');
  if (overloaded) return giveUp(corridor, holds, overloaded);
  const throttled = soonest(admissions);
  return throttled && holds.length === 0 ? throttled : { holds, throttled, wide };
}

/** Who cannot be served now comes back later: nothing was told, so nothing was failed. */
export async function giveUp(corridor: Corridor, holds: readonly Hold[], outcome: Outcome): Promise<Outcome> {
  await corridor.throttle.release(holds);
  return outcome;
}

/** Of the accounts that may be meant, those that know the device: what it is counted under, by the account's key. */
async function recognisedDevices(
  corridor: Corridor,
  candidates: readonly Candidate[],
  fingerprint: string | null,
): Promise<ReadonlyMap<string, Counted>> {
  const devices = new Map<string, Counted>();
  if (fingerprint === null) return devices;
  for (const { account, counted } of candidates) {
    if (!account.recogniseDevices) continue;
    const { fingerprintHash } = deviceOf(account.id, fingerprint, corridor.vault);
    if (!(await isRecognised(corridor, account.id, fingerprintHash))) continue;
    // An organisation's lock is the account's own.
    const limit = { ...counted.limit, lockAfter: null };
    devices.set(counted.key, { key: deviceKey(account.id, fingerprintHash), limit });
  }
  return devices;
}

/** Of several accounts that must wait, the one that may be tried first says how long. */
function soonest(admissions: readonly Admission[]): Extract<Outcome, { kind: 'throttled' }> | null {
  const waits = admissions.flatMap((admission) =>
    admission.kind === 'throttled' ? [admission.retryAfterSeconds] : [],
  );
  return waits.length === 0 ? null : { kind: 'throttled', retryAfterSeconds: Math.min(...waits) };
}
