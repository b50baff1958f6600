import type { Operations } from './api-types.ts';
import { challengeStep } from './challenge.ts';
import { memberOf, type Reply, textOf } from './connection.ts';
import { pairOf, type TokenPair } from './dialect.ts';
import type { SignedOutReason } from './errors.ts';
import type { CallOptions, Device, NotDone, SecondFactor } from './results.ts';
import type { Session } from './session.ts';
import { failureOf, nativeReason, notDone } from './settle.ts';
import { untilAborted } from './until-aborted.ts';

/** What every client can do once somebody has signed in. */
export interface SessionCalls<Body, Me> {
  /**
   * Like the platform's `fetch`, with the access token; relative URLs are the server's. The token is renewed before its
   * end, and after a 401, when the request is sent once more.
   * @throws SignedOutError when there is no session
   * @throws TypeError for an origin that the token is not for
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** An access token that is good for a while, for what is no `fetch`. */
  accessToken(options?: CallOptions): Promise<string>;
  /** Whether there are tokens to go on with. Nobody is asked: the server may have ended their session meanwhile. */
  isSignedIn(): Promise<boolean>;
  /** Who is signed in, in the contract's words, or in those of `GET /v1/session` where it has none. */
  me(options?: CallOptions): Promise<Me>;
  /** Forgets the tokens, then ends the session. A failure means that the server could not be told: the tokens are gone. */
  signOut(options?: CallOptions): Promise<void>;
  /** The account's sessions, those used last first. */
  sessions(options?: CallOptions): Promise<readonly OwnSession[]>;
  /** Ends one of them. @returns false when there is none with that id */
  endSession(id: string, options?: CallOptions): Promise<boolean>;
  /** Ends all but this one. @returns how many they were */
  endOtherSessions(options?: CallOptions): Promise<number>;
  /** Goes on in another role of the same account; `organisation` is null for its own one, outside any organisation. */
  switchTo(role: RoleWanted, options?: CallOptions): Promise<SwitchResult<Body>>;
  /** Calls back when a session ends, and with why. @returns what stops that */
  on(event: 'signed-out', listener: (reason: SignedOutReason) => void): () => void;
}

/** One of an account's sessions. */
export type OwnSession = Operations['GET /v1/sessions']['reply']['sessions'][number];

/** A role to go on in. */
export type RoleWanted = Operations['POST /v1/session/switch']['request'];

/** How a change of roles can go on. A step is completed like that of a sign-in. */
export type SwitchResult<Body> =
  | { readonly kind: 'switched'; readonly organisation: string | null; readonly role: string }
  | SecondFactor<Body>
  | Device<Body>
  | NotDone;

/** The calls of a session. */
export function sessionCalls<Body, Me>(session: Session): SessionCalls<Body, Me> {
  const { keeper, dialect } = session;
  return {
    fetch: (input, init) => session.fetch(input, init),
    async accessToken({ signal } = {}) {
      return (await untilAborted(() => keeper.current(), signal)).accessToken;
    },
    isSignedIn: () => keeper.hasTokens(),
    async me(options = {}) {
      return (await session.bodyOf(dialect.me, null, options)) as Me;
    },
    signOut: (options = {}) => signOut(session, options),
    async sessions(options = {}) {
      return (await session.bodyOf('GET /v1/sessions', null, options)).sessions;
    },
    async endSession(id, { signal } = {}) {
      const reply = await session.call('DELETE /v1/sessions/{id}', null, { id, signal });
      if (reply.status !== 204 && reply.status !== 404) throw failureOf(reply);
      return reply.status === 204;
    },
    async endOtherSessions(options = {}) {
      return (await session.bodyOf('DELETE /v1/sessions', null, options)).ended;
    },
    // Carried through whoever still waits: the old tokens are worth nothing once the server has switched.
    switchTo: (role, { signal } = {}) => untilAborted(() => switchTo<Body>(session, role), signal),
    on: (_, listener) => keeper.onSignedOut(listener),
  };
}

async function signOut(session: Session, { signal }: CallOptions): Promise<void> {
  const { keeper, dialect } = session;
  const tokens = await keeper.locked(async (kept) => {
    if (kept !== null) await keeper.forget('signed-out');
    return kept;
  });
  const { signOut: operation } = dialect;
  if (tokens === null || operation === null) return;
  const end = ({ accessToken }: TokenPair) =>
    session.send(operation, null, { bearer: accessToken, signal, keepalive: true });
  const first = await end(tokens);
  // An access token that has ended cannot end its session: a new one can.
  const renewed = first.status === 401 ? await keeper.exchange(tokens) : null;
  const reply = renewed === null ? first : await end(renewed);
  if (reply.status !== 401 && reply.status >= 300) throw failureOf(reply);
}

const SWITCH_TIMEOUT_MILLISECONDS = 20_000;

async function switchTo<Body>(session: Session, role: RoleWanted): Promise<SwitchResult<Body>> {
  const { keeper } = session;
  await keeper.current();
  return keeper.locked(async (kept) => {
    const ask = ({ accessToken }: TokenPair) =>
      session.send('POST /v1/session/switch', role, {
        bearer: accessToken,
        signal: AbortSignal.timeout(SWITCH_TIMEOUT_MILLISECONDS),
      });
    const tokens = keeper.present(kept);
    const first = await ask(tokens);
    if (first.status !== 401) return switched(session, first);
    const renewed = await keeper.redeem(tokens);
    if (renewed === null) throw await keeper.forget('refused');
    return switched(session, await ask(renewed));
  });
}

/** Only within the keeper's `locked`. */
async function switched<Body>(session: Session, reply: Reply): Promise<SwitchResult<Body>> {
  const { status, body } = reply;
  const challengeToken = textOf(body, 'challenge_token');
  if (challengeToken !== '') {
    const code = textOf(memberOf(body, 'error'), 'code');
    return challengeStep(session, code === 'device-required' ? 'device' : 'second-factor', challengeToken);
  }
  if (status !== 200) return notDone(reply, nativeReason);
  const pair = pairOf(memberOf(body, 'accessToken'), memberOf(body, 'refreshToken'));
  if (pair === null) throw failureOf(reply);
  await session.keeper.keep(pair);
  const { organisation, role } = body as Switched;
  return { kind: 'switched', organisation, role };
}

type Switched = Operations['POST /v1/session/switch']['reply'];
