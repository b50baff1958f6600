import { declined } from '../commands/decline.ts';
import type { AttestedDevice } from '../commands/sign-up.ts';
import { secretHash } from '../crypto/vault.ts';
import { StoreConflictError } from '../errors.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { countFailure, sourceOf, throughGate } from '../sign-in/gate.ts';
import { consumeChallenge } from '../store/consume.ts';
import { insertInstallation } from '../store/installations.ts';
import { CHALLENGE_SECONDS, challengeExpiry, drawChallenge } from './attestation-challenge.ts';

/** A challenge for a device's platform to sign. */
export async function signUpChallenge(corridor: Corridor, { mount }: Attempt): Promise<Outcome> {
  const { vault, random, clock } = corridor;
  return { kind: 'challenge', challenge: drawChallenge(vault, random, mount.name, clock.now()) };
}

/** Makes an installation of a device that its platform vouches for. It acts for no account. */
export function signUpInstallation(
  corridor: Corridor,
  attempt: Attempt,
  { device }: Extract<Command, { kind: 'sign-up-installation' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, () => vouchAndMake(corridor, attempt, device), ['declined']);
}

async function vouchAndMake(corridor: Corridor, attempt: Attempt, device: AttestedDevice): Promise<Outcome> {
  const { mount } = attempt;
  const { vault, clock, attestation, store } = corridor;
  if (!mount.allowSignUp) return declined('sign-up-disabled');
  const late = await countFailure(corridor, attempt);
  if (late !== null) return late;
  if (attestation === null && !mount.allowUnattestedDevices) return declined('attestation-unavailable');
  const expiresAt = challengeExpiry(vault, mount.name, device.challenge, clock.now());
  if (expiresAt === null) return refused('ticket-invalid');
  // Spent before the verifier is asked: a challenge buys one question, whatever comes of it.
  const spent = await store.commit([
    consumeChallenge(secretHash(device.challenge), expiresAt, CHALLENGE_SECONDS),
  ]);
  if (!spent.ok) return refused('ticket-invalid');
  if (attestation !== null && !(await attestation.isGenuine(device, attempt.caller.requestId)))
    return refuse(corridor, attempt, device.installationId);
  return make(corridor, attempt, device);
}

async function refuse(corridor: Corridor, attempt: Attempt, installationId: string): Promise<Outcome> {
  await corridor.store.commit([
    auditAttempt(attempt, corridor.clock.now(), 'sign-up.refused', {
      reason: 'not-attested',
      detail: { installationId },
    }),
  ]);
  return refused('bad-credentials');
}

async function make(
  corridor: Corridor,
  attempt: Attempt,
  { installationId, password, platform }: AttestedDevice,
): Promise<Outcome> {
  const problem = await corridor.passwords.problemWith(password, [installationId], attempt.caller.requestId);
  if (problem !== null) return declined(problem);
  const passwordHash = await corridor.hashes.hash(password, sourceOf(attempt));
  if (typeof passwordHash !== 'string')
    return { kind: 'overloaded', retryAfterSeconds: passwordHash.retryAfterSeconds };
  const at = corridor.clock.now();
  try {
    await corridor.store.commit([
      insertInstallation(installationId, passwordHash),
      auditAttempt(attempt, at, 'installation.signed-up', { detail: { installationId, platform } }),
    ]);
  } catch (error) {
    if (error instanceof StoreConflictError) return declined('identifier-taken');
    throw error;
  }
  return { kind: 'signed-up', id: installationId, role: '', at };
}
