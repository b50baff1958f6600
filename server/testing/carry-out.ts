import { execute } from '../src/execute.ts';
import type { Command, Outcome } from '../src/sign-in/attempt.ts';
import type { Attempt, Corridor } from '../src/sign-in/corridor.ts';
import type { Change } from '../src/store/engine.ts';
import type { Person, TestApp } from './app.ts';

// Commands as the doors hand them on, without the wire: for what no contract words.

const ADDRESS = '192.0.2.17';

/** A command that comes in at a mount now. */
export function attemptAt({ app, core }: Pick<TestApp, 'app' | 'core'>, mountName: string): Attempt {
  const mount = app.corridor.mounts.get(mountName);
  if (mount === undefined) throw new Error(`there is no mount ${mountName}`);
  const arrivedAt = core.clock.now();
  return {
    mount,
    caller: { mount: mountName, address: ADDRESS, userAgent: null, requestId: 'r', arrivedAt },
  };
}

/** Carries a command out at a mount. @param corridor the app's, where a test does not look at parts of it */
export function carryOut(
  app: Pick<TestApp, 'app' | 'core'>,
  mountName: string,
  command: Command,
  corridor: Corridor = app.app.corridor,
): Promise<Outcome> {
  return execute(corridor, command, attemptAt(app, mountName).caller);
}

/** Another server on the same store, which is overtaken by a change when it is about to make a session. */
export function overtakenBy({ app, core }: Pick<TestApp, 'app' | 'core'>, change: () => Change): Corridor {
  const commit: typeof core.store.commit = async (changes) => {
    if (changes.some(({ guard }) => guard === 'account')) await core.store.commit([change()]);
    return core.store.commit(changes);
  };
  return { ...app.corridor, store: { ...core.store, commit } };
}

/** Shows somebody's password. */
export function showPassword(
  { username, password }: Pick<Person, 'username' | 'password'>,
  fingerprint: string | null = null,
  accounts: 'one' | 'all' = 'one',
): Extract<Command, { kind: 'begin' }> {
  const identifiers = [{ value: username, kinds: ['username' as const] }];
  return { kind: 'begin', credential: { kind: 'password', identifiers, password, accounts }, fingerprint };
}

/** Shows a code for a ticket, at an endpoint that completes whichever step is due. */
export function showCode(
  ticket: string,
  code: string,
  {
    step = null,
    fingerprint = null,
  }: Partial<Pick<Extract<Command, { kind: 'prove' }>, 'step' | 'fingerprint'>> = {},
): Extract<Command, { kind: 'prove' }> {
  return { kind: 'prove', ticket, proof: { kind: 'code', code }, step, fingerprint };
}

/** The outcome, which must be of this kind. */
export function expectKind<Kind extends Outcome['kind']>(
  outcome: Outcome,
  kind: Kind,
): Extract<Outcome, { kind: Kind }> {
  if (outcome.kind !== kind) throw new Error(`${kind} was expected, not ${JSON.stringify(outcome)}`);
  return outcome as Extract<Outcome, { kind: Kind }>;
}
