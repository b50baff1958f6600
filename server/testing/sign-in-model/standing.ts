import { complete, draw } from './corridor.ts';
import {
  hasOwnProof,
  isBarred,
  isFactorDue,
  isFresh,
  isHeldUp,
  isShutOut,
  lacksFactor,
  lockAfter,
  stands,
} from './policy.ts';
import {
  type Account,
  DONE,
  type Held,
  type Model,
  REFUSED,
  type Session,
  type SessionToken,
  THROTTLED,
  type Verdict,
} from './state.ts';
import { admit, fail, pass } from './tries.ts';

// What sessions and their tokens are good for.

/** A token of these kinds that has not expired, of a session that stands; undefined for whatever else is shown. */
function standingToken(
  model: Model,
  token: string,
  kinds: readonly SessionToken['kind'][],
): SessionToken | undefined {
  const known = model.tokens.get(token);
  if (!known || !kinds.includes(known.kind) || known.expiresAt <= model.now) return undefined;
  return stands(known.session) ? known : undefined;
}

/** A session that lacks what policy asks for by now ends as soon as anybody looks. */
function endIfLacking(session: Session): boolean {
  if (!lacksFactor(session)) return false;
  session.ended = true;
  return true;
}

/** The session behind an access token, where its owner may act. */
export function ownerSession(model: Model, token: string): Session | undefined {
  const session = standingToken(model, token, ['access'])?.session;
  return session && !endIfLacking(session) ? session : undefined;
}

/** The same, where the session is proof enough to change what signs in. */
export function freshSession(model: Model, token: string): Session | undefined {
  const session = ownerSession(model, token);
  return session && isFresh(session, model.now) ? session : undefined;
}

/** Asks what stands behind a token. */
export function inspect(model: Model, token: string): Verdict {
  const session = standingToken(model, token, ['access', 'opaque'])?.session;
  return session && !endIfLacking(session) ? DONE : REFUSED;
}

/** Ends the session behind a token. */
export function signOut(model: Model, token: string): Verdict {
  const known = model.tokens.get(token);
  if (known?.kind !== 'access' || known.expiresAt <= model.now) return REFUSED;
  const { session } = known;
  if (session.ended || isHeldUp(session.account, session.picked)) return REFUSED;
  session.ended = true;
  return DONE;
}

const GRACE = 10_000;

/** A refresh token that two have ends what goes on, in whatever role, in the place of its session. */
function endFollowing(model: Model, { session, counter }: SessionToken): void {
  const { endedAt, rotatedAt } = session;
  const spentAt = counter === session.counter ? endedAt : counter === session.counter - 1 ? rotatedAt : 0;
  if (spentAt === null || model.now - spentAt <= GRACE) return;
  for (const other of model.sessions) if (other.family === session.family) other.ended = true;
}

/** Redeems a refresh token at a mount. */
export function refresh(model: Model, mount: string, token: string): Verdict {
  const shown = model.tokens.get(token);
  if (shown?.kind === 'refresh' && shown.expiresAt > model.now && shown.session.mount === mount)
    if (shown.session.ended) endFollowing(model, shown);
  const known = standingToken(model, token, ['refresh']);
  if (!known || known.session.mount !== mount || endIfLacking(known.session)) return REFUSED;
  const { session, counter } = known;
  if (counter === session.counter) {
    session.counter += 1;
    session.rotatedAt = model.now;
    return { is: 'refreshed', session };
  }
  if (counter === session.counter - 1 && model.now - session.rotatedAt <= GRACE)
    return { is: 'refreshed', session };
  session.ended = true;
  return REFUSED;
}

/** Tries a password of somebody who is signed in, counted as at sign-in. */
export function confirmPassword(model: Model, account: Account, password: string): Verdict {
  const { passwordTries } = account;
  if (!admit(passwordTries, model.now, true)) return THROTTLED;
  if (passwordTries.lockedUntil <= model.now && account.passwords[0] === password) return DONE;
  fail(passwordTries, model.now, lockAfter(account));
  return REFUSED;
}

/** Shows the password again, for a session in the place of this one. */
export function proveAgain(model: Model, token: string, password: string): Verdict {
  const session = ownerSession(model, token);
  if (!session) return REFUSED;
  const { account, mount, picked } = session;
  const confirmed = confirmPassword(model, account, password);
  if (confirmed !== DONE) return confirmed;
  pass(account.passwordTries);
  if (isShutOut(account, picked, model.now)) return REFUSED;
  const way = { account, mount, picked, device: null, session };
  if (isFactorDue(account, picked) || hasOwnProof(account))
    return { is: 'step', ticket: draw(model, way, 'prove-again', 'second-factor') };
  return complete(model, way, ['pwd']);
}

/** Goes on in another role, in a session in the place of this one. */
export function switchRole(model: Model, token: string, wanted: Held): Verdict {
  const session = standingToken(model, token, ['access'])?.session;
  if (!session) return REFUSED;
  const { account, mount, methods } = session;
  const picked = account.roles.find(
    ({ organisation, role }) => organisation === wanted.organisation && role === wanted.role,
  );
  if (!picked || isBarred(account, mount, picked)) return REFUSED;
  const way = { account, mount, picked, device: null, session };
  if (!lacksFactor({ ...session, picked })) return complete(model, way, methods, session);
  if (isShutOut(account, picked, model.now)) return REFUSED;
  return { is: 'step', ticket: draw(model, way, 'switch', 'second-factor') };
}
