import type { AccountWithMemberships } from '../accounts/account.ts';
import { addresseeOf } from '../accounts/addressee.ts';
import type { Device } from '../accounts/fingerprint.ts';
import { userAgentInWords } from '../accounts/user-agent.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMailIfNoticed, type QueuedMail } from '../store/outbox.ts';
import {
  type DeviceTraits,
  type Glance,
  noteSeenDevice,
  SEEN_DEVICE_LIMIT,
  trimSeenDevices,
} from '../store/seen-devices.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { isRecognised } from './device.ts';
import { noticeToAccount } from './mail.ts';

/** How long a sign-in from a device need not be noted again. */
const NOTED_MILLISECONDS = 24 * 3_600_000;

/** The most notices an account gets in a day: whoever has the password could make up devices without end. */
const NOTICE_LIMIT = 10;

/** A sign-in that is about to be completed, as far as it says where it comes from. */
export interface Sighting {
  readonly account: AccountWithMemberships;
  /** What was shown for it. */
  readonly methods: readonly string[];
  /** Null where the contract has no fingerprint: then the browser and its system are all that tells devices apart. */
  readonly device: Device | null;
}

/**
 * What is committed with a sign-in so that its owner is told when it comes from a device not seen before: nothing for one that
 * was seen today. Nobody is told of the very first sign-in of an account, of a device that is recognised, nor of one that a
 * mailed code has just confirmed: that mail has told of it (ASVS 6.3.5).
 * @returns the changes, which come after what holds the account's row, and whether there may be a mail among them
 */
export async function sightDevice(
  corridor: Corridor,
  attempt: Attempt,
  sighting: Sighting,
): Promise<{ changes: readonly Change[]; mails: boolean }> {
  const { account, device } = sighting;
  const { store, vault } = corridor;
  const now = corridor.clock.now();
  const userAgent = userAgentInWords(attempt.caller.userAgent);
  const traits: DeviceTraits = {
    fingerprint: device?.fingerprintHash ?? null,
    userAgent: vault.hash('user-agent', `${account.id}\0${userAgent ?? ''}`),
  };
  const glance = await store.seenDevices.glance(account.id, traits, now - NOTED_MILLISECONDS);
  if (isNoted(traits, glance, now)) return { changes: [], mails: false };
  const isTold =
    isNew(traits, glance) &&
    glance.noticed < NOTICE_LIMIT &&
    !sighting.methods.includes('email') &&
    !(device && (await isRecognised(corridor, account.id, device.fingerprintHash)));
  const mail = isTold ? newDeviceNotice(corridor, attempt, account, userAgent, now) : null;
  const changes = [
    noteSeenDevice(account.id, traits, now, mail?.id ?? null),
    ...(glance.traits >= SEEN_DEVICE_LIMIT ? [trimSeenDevices(account.id)] : []),
    ...(mail ? [enqueueMailIfNoticed(mail, account.id)] : []),
  ];
  return { changes, mails: mail !== null };
}

function isNoted(traits: DeviceTraits, glance: Glance, now: number): boolean {
  const isRecent = (seenAt: number | null) => seenAt !== null && seenAt > now - NOTED_MILLISECONDS;
  return (
    isRecent(glance.userAgentSeenAt) && (traits.fingerprint === null || isRecent(glance.fingerprintSeenAt))
  );
}

/**
 * A fingerprint tells devices apart once the account was seen with one. Before that, and where a contract has none, the browser
 * does: that is no weaker, since whoever has the password can choose a contract without.
 */
function isNew(traits: DeviceTraits, glance: Glance): boolean {
  if (glance.traits === 0) return false;
  return traits.fingerprint !== null && glance.fingerprints > 0
    ? glance.fingerprintSeenAt === null
    : glance.userAgentSeenAt === null;
}

function newDeviceNotice(
  corridor: Corridor,
  attempt: Attempt,
  account: AccountWithMemberships,
  userAgent: string | null,
  at: number,
): QueuedMail | null {
  // IPv4 in the form that people know.
  const address = attempt.caller.address.replace(/^::ffff:(?=\d+\.)/i, '');
  const place = corridor.places.of(address, addresseeOf(account).locale);
  return noticeToAccount(corridor, account, { kind: 'new-device', at, address, place, userAgent });
}
