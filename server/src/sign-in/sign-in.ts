import { deviceOf } from '../accounts/fingerprint.ts';
import type { Place } from '../crypto/hash-pool.ts';
import { stateRefusal } from './account-policy.ts';
import { admitPassword, giveUp } from './admit.ts';
import { tellOfFailures } from './after-failures.ts';
import { type Command, type Credential, type Outcome, refused } from './attempt.ts';
import { offerChoices, takePick } from './choose-role.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { deviceStanding } from './device.ts';
import { mustWait, sourceOf, throughGate } from './gate.ts';
import { type Candidate, identify } from './identify.ts';
import { beginWithInstallation } from './installation.ts';
import { issueForAccount } from './issue.ts';
import { prove } from './prove.ts';
import { type CredentialRefusal, type Failed, refuseCredential, refuseState } from './refuse.ts';
import { beginWithResourceCode } from './resource-code.ts';
import { dueFactor, forgiveFailures } from './second-factor.ts';
import { accountKey, type Hold, passHolds } from './throttle.ts';
import { openStep, type Passage } from './ticket.ts';
import { verifyPassword } from './verify-credential.ts';

// The corridor: every door leads here, and this is the order in which everything happens.
//
//   identify → throttle → verify credential → account policy → second factor → device → issue
//
// No session exists before the last step. A step that is due hands out a ticket and stops; `pick` and `prove` come back
// in with that ticket and go on from there.

/** Shows a credential: leads to a session, to the step that is due, or to the roles that can be picked. */
export function begin(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'begin' }>,
): Promise<Outcome> {
  // Whoever shows a credential pays for a hash: the other servers are asked once it was looked at.
  const shown: Attempt = { ...attempt, fingerprint: command.fingerprint };
  return throughGate(corridor, shown, () => beginWith(corridor, shown, command), [], 'the-work');
}

/** Takes up a role that was offered: goes on where `begin` stopped, with the ticket that it handed out. */
export async function pick(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'pick' }>,
): Promise<Outcome> {
  const passage = await takePick(corridor, attempt, command.ticket);
  return 'kind' in passage ? passage : proceed(corridor, attempt, passage);
}

/** Shows the code of the step that was due: leads to the session. */
export function proveStep(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'prove' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, () => prove(corridor, attempt, command));
}

async function beginWith(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'begin' }>,
): Promise<Outcome> {
  const { credential, fingerprint } = command;
  if (credential.kind === 'impossible') return refused('bad-credentials');
  if (credential.kind === 'resource-code') return beginWithResourceCode(corridor, attempt, credential);
  const place = corridor.hashes.reserve(sourceOf(attempt));
  if ('overloaded' in place) return { kind: 'overloaded', retryAfterSeconds: place.retryAfterSeconds };
  try {
    if (credential.kind === 'installation')
      return await beginWithInstallation(corridor, attempt, credential, place);
    return await beginWithPassword(corridor, attempt, credential, fingerprint, place);
  } finally {
    place.leave();
  }
}

async function beginWithPassword(
  corridor: Corridor,
  attempt: Attempt,
  credential: Extract<Credential, { kind: 'password' }>,
  fingerprint: string | null,
  place: Place,
): Promise<Outcome> {
  const identified = await identify(corridor, attempt, credential.identifiers);
  const { candidates, others } = identified;
  const admitted = await admitPassword(corridor, attempt, identified, fingerprint);
  if ('kind' in admitted) return admitted;
  const { holds, throttled, wide } = admitted;

  const tried = candidates.filter((candidate) =>
    holds.some((hold) => hold.key === candidate.counted.key && !hold.locked),
  );
  const matched = await verifyPassword(
    corridor,
    attempt,
    credential.password,
    tried.map(({ account }) => ({ table: 'accounts', id: account.id, passwordHash: account.passwordHash })),
    place,
  );
  if ('overloaded' in matched)
    return giveUp(corridor, holds, { kind: 'overloaded', retryAfterSeconds: matched.retryAfterSeconds });
  if (matched.size === 0) {
    const unknown =
      candidates.length === 0 &&
      attempt.mount.contract.revealsUnknownIdentity &&
      !attempt.mount.hideUnknownIdentity;
    const outcome = await refuseCredential(
      corridor,
      attempt,
      failures(holds, candidates),
      unknown ? 'unknown-identity' : 'bad-credentials',
    );
    return throttled ?? outcome;
  }
  const late = await mustWait(corridor, attempt, wide);
  if (late !== null) return giveUp(corridor, holds, late);

  const settles = passHolds(holds, new Set([...matched].map(accountKey)));
  const accounts = candidates.map((candidate) => candidate.account);
  const account = accounts.find((each) => matched.has(each.id));
  if (!account) throw new Error('a password matched an account that was not tried');
  const device = fingerprint === null ? null : deviceOf(account.id, fingerprint, corridor.vault);
  const outcome =
    credential.accounts === 'all'
      ? await offerChoices(corridor, attempt, { accounts: [...accounts, ...others], matched, settles })
      : await proceed(corridor, attempt, {
          ...{ account, picked: null, device, spends: [], settles },
          failures: holds.find(({ key }) => key === accountKey(account.id))?.failures,
        });
  corridor.throttle.settled(holds);
  return outcome;
}

/** The credential was right. Account policy, then the step that is due, else the session. */
async function proceed(
  corridor: Corridor,
  attempt: Attempt,
  passage: Passage & { readonly failures?: number | undefined },
): Promise<Outcome> {
  const { account, picked, device } = passage;
  const state = stateRefusal(account, attempt.mount, picked);
  if (state !== null) return refuseState(corridor, attempt, passage, state);
  const factor = dueFactor(account, picked, corridor.clock.now());
  if (factor === 'missing') return refuseState(corridor, attempt, passage, 'second-factor-missing');
  if (factor !== 'none') return openStep(corridor, attempt, passage, 'second-factor');
  const standing = await deviceStanding(account, device, attempt.mount, corridor);
  if (standing === 'due') return openStep(corridor, attempt, passage, 'device');
  const alarms = await tellOfFailures(corridor, account, passage.failures);
  const outcome = await issueForAccount(corridor, attempt, {
    ...passage,
    methods: ['pwd'],
    settles: [...passage.settles, ...alarms, forgiveFailures(account, false, corridor.clock.now())],
    mails: alarms.length > 0,
    steppedUp: false,
    isFirstDevice: standing === 'first',
  });
  // Of two first devices at once, the other one was: then this one is due.
  if (
    outcome.kind === 'refused' &&
    standing === 'first' &&
    (await deviceStanding(account, device, attempt.mount, corridor)) === 'due'
  )
    return openStep(corridor, attempt, passage, 'device');
  if (outcome.kind === 'refused' && passage.settles.length > 0) await corridor.store.commit(passage.settles);
  return outcome;
}

/** An event for each account that was tried, and one when nobody was meant. What else the attempt counts for has none. */
function failures(holds: readonly Hold[], candidates: readonly Candidate[]): Failed[] {
  return holds.map((hold, index) => {
    const account = candidates.find((candidate) => candidate.counted.key === hold.key)?.account ?? null;
    const isBeside = account === null && (candidates.length > 0 || index > 0);
    return { hold, account, reason: isBeside ? null : credentialRefusal(hold, account) };
  });
}

function credentialRefusal(hold: Hold, account: Candidate['account'] | null): CredentialRefusal {
  if (account === null) return 'unknown-identifier';
  if (hold.locked) return 'locked';
  return account.passwordHash === null ? 'no-password' : 'wrong-password';
}
