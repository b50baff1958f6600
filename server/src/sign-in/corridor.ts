import { deviceName } from '../accounts/fingerprint.ts';
import type { AuditEvent, AuditEventName } from '../audit/event.ts';
import { auditEvent } from '../audit/event.ts';
import type { AttestedDevice } from '../commands/sign-up.ts';
import type { HashPool } from '../crypto/hash-pool.ts';
import type { HashingCost } from '../crypto/password-hash.ts';
import type { Vault } from '../crypto/vault.ts';
import type { Places } from '../delivery/places.ts';
import type { Wording } from '../delivery/wording.ts';
import type { Webauthn } from '../factors/webauthn.ts';
import type { Spacing } from '../limits/spacing.ts';
import type { Windows } from '../limits/windows.ts';
import type { Mount } from '../mount.ts';
import type { PasswordPolicy } from '../passwords/policy.ts';
import type { Clock, Log, Random } from '../ports.ts';
import { recordAudit } from '../store/audit.ts';
import type { Change } from '../store/engine.ts';
import type { Session } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import type { Ticket } from '../store/tickets.ts';
import type { AccessTokens } from '../tokens/access-token.ts';
import type { RefreshTokens } from '../tokens/refresh-token.ts';
import type { StepUpTokens } from '../tokens/step-up-token.ts';
import type { Caller } from './attempt.ts';
import type { SendingLimits } from './sending-limits.ts';
import type { Throttle } from './throttle.ts';

/** Everything that the steps of the corridor work with. */
export interface Corridor {
  readonly store: Store;
  readonly vault: Vault;
  readonly hashes: HashPool;
  /** A hash that no password opens: what an attempt without an account is verified against, at the same cost. */
  readonly decoyHash: string;
  readonly hashingCost: HashingCost;
  /** What holds for every password that is set. */
  readonly passwords: PasswordPolicy;
  /** Who says whether a device is what it says; null where nobody was named. */
  readonly attestation: { isGenuine(device: AttestedDevice, requestId: string): Promise<boolean> } | null;
  readonly throttle: Throttle;
  /** Failures of an address, of an organisation's doors, of everybody. */
  readonly windows: Windows;
  /** How often it is written down that a refresh token was refused, by session and reason: whoever has one can show it for ever. */
  readonly refusedRefreshes: Spacing;
  /** What this process has too little of to begin what costs much; null when all is well. Each time it is said is counted. */
  readonly loadTrouble: () => string | null;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly stepUpTokens: StepUpTokens;
  readonly webauthn: Webauthn;
  readonly mounts: ReadonlyMap<string, Mount>;
  readonly limits: CorridorLimits;
  readonly sendingLimits: SendingLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The name under which authenticator apps show our codes. */
  readonly totpIssuer: () => string;
  readonly wording: Wording;
  readonly places: Places;
  /** Says that a commit has put a message into the outbox. */
  readonly mailQueued: () => void;
}

/** The times and counts that the configuration sets. */
export interface CorridorLimits {
  readonly maxFailures: number;
  readonly lockSeconds: number;
  readonly refusalMilliseconds: number;
  readonly pinSeconds: number;
  readonly ticketSeconds: number;
  readonly graceSeconds: number;
  readonly sessionMaxSeconds: number;
  /** After how long without a sign-in a device is known no more. */
  readonly forgetDeviceSeconds: number;
}

/** One command on its way through. */
export interface Attempt {
  readonly mount: Mount;
  readonly caller: Caller;
  /** What the client shows to be recognised by, where it does. */
  readonly fingerprint?: string | null;
  /** What the ticket or the session knows that it goes on from; for the audit log. */
  readonly goesOn?: Pick<AuditEvent, 'organisationId' | 'device' | 'sessionId'>;
}

/** The same attempt, as one that goes on from a session. */
export function fromSession(
  { mounts }: Pick<Corridor, 'mounts'>,
  attempt: Attempt,
  { id, mount, membership, device }: Session,
): Attempt {
  const organisationId = membership?.organisationId ?? mounts.get(mount)?.organisation ?? null;
  return { ...attempt, goesOn: { organisationId, device, sessionId: id } };
}

/** The same attempt, as one that goes on from a ticket. */
export function fromTicket(attempt: Attempt, { membership, device, sessionId }: Ticket): Attempt {
  const organisationId = membership?.organisationId ?? null;
  return {
    ...attempt,
    goesOn: { organisationId, device: device && deviceName(device.fingerprintHash), sessionId },
  };
}

/**
 * The change that writes an event of this attempt into the audit log, with what is known of where it comes from: the organisation that
 * was picked, or the one that the mount is of; the device and the session that it goes on from.
 */
export function auditAttempt(
  attempt: Attempt,
  at: number,
  event: AuditEventName,
  known: Partial<
    Pick<AuditEvent, 'reason' | 'accountId' | 'organisationId' | 'factor' | 'device' | 'sessionId' | 'detail'>
  >,
): Change {
  const { mount, caller, goesOn } = attempt;
  return recordAudit(
    auditEvent({
      at,
      event,
      actor: 'client',
      mount: mount.name,
      contract: mount.contract.name,
      address: caller.address,
      requestId: caller.requestId,
      ...known,
      organisationId: known.organisationId ?? goesOn?.organisationId ?? mount.organisation,
      device: known.device ?? goesOn?.device ?? null,
      sessionId: known.sessionId ?? goesOn?.sessionId ?? null,
    }),
  );
}
