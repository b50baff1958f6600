import type { Installation } from '../accounts/account.ts';
import { viewAccount } from '../accounts/view.ts';
import type { Place } from '../crypto/hash-pool.ts';
import { forgiveAttempts } from '../store/count-attempt.ts';
import { confirmInstallation } from '../store/installations.ts';
import type { Credential, Outcome } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { mustWait, wideWindows } from './gate.ts';
import { passwordLimit } from './identify.ts';
import { issueForThing } from './issue.ts';
import { type CredentialRefusal, refuseCredential } from './refuse.ts';
import { installationKey, releaseHolds, unknownKey } from './throttle.ts';
import { type Verifiable, verifyPassword } from './verify-credential.ts';

/** Signs a mobile installation in by its own password: the same order as for an account, without its steps. */
export async function beginWithInstallation(
  corridor: Corridor,
  attempt: Attempt,
  credential: Extract<Credential, { kind: 'installation' }>,
  place: Place,
): Promise<Outcome> {
  const { installationId, password } = credential;
  const throttled = await mustWait(corridor, attempt, wideWindows(attempt));
  if (throttled !== null) return throttled;
  const installation = await corridor.store.installations.byId(installationId);
  const key = installation
    ? installationKey(installationId)
    : unknownKey(corridor.vault.hash('installation', installationId));
  const admission = await corridor.throttle.admit(
    { key, limit: passwordLimit(corridor, null) },
    attempt.caller.arrivedAt,
  );
  if (admission.kind !== 'held') return admission;
  const { hold } = admission;

  const tried = passwordsOf(installation, attempt.caller.arrivedAt);
  const verified = await verifyPassword(corridor, attempt, password, tried, place);
  if ('overloaded' in verified) {
    await corridor.throttle.release([hold]);
    return { kind: 'overloaded', retryAfterSeconds: verified.retryAfterSeconds };
  }
  if (!installation || !verified.has(installation.id)) {
    const failed = { hold, account: null, reason: reasonFor(installation), detail: { installationId } };
    return refuseCredential(corridor, attempt, [failed], 'bad-credentials');
  }
  const late = await mustWait(corridor, attempt, wideWindows(attempt));
  if (late !== null) {
    await corridor.throttle.release([hold]);
    return late;
  }
  const { account } = installation;
  const outcome = await issueForThing(corridor, attempt, {
    principal: {
      kind: 'installation',
      id: installation.id,
      view: account && viewAccount(account, attempt.mount.organisation),
    },
    subject: `installation:${installation.id}`,
    session: {
      principal: { kind: 'installation', id: installation.id },
      accountId: account?.id ?? null,
      epoch: installation.epoch,
      membership: null,
      methods: ['pwd'],
    },
    confirms: [confirmInstallation(installation.id, installation.epoch, attempt.mount.organisation)],
    settles: [...releaseHolds([hold]), forgiveAttempts(key)],
    notAfter: null,
  });
  if (outcome.kind === 'refused') {
    await corridor.store.commit([
      ...releaseHolds([hold]),
      auditAttempt(attempt, corridor.clock.now(), 'sign-in.refused', {
        reason: 'installation-not-active',
        accountId: account?.id ?? null,
        detail: { installationId },
      }),
    ]);
  }
  corridor.throttle.settled([hold]);
  return outcome;
}

/** What is tried: its password, and for a time the one before it. */
function passwordsOf(installation: Installation | null, now: number): Verifiable[] {
  if (installation === null) return [];
  const { id, passwordHash, previous } = installation;
  const former = previous !== null && now < previous.until ? [previous.passwordHash] : [];
  return [passwordHash, ...former].map((hash) => ({ table: 'installations', id, passwordHash: hash }));
}

function reasonFor(installation: Installation | null): CredentialRefusal {
  if (installation === null) return 'unknown-installation';
  return installation.passwordHash === null ? 'no-password' : 'wrong-password';
}
