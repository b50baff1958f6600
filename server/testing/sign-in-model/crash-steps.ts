import fc from 'fast-check';
import { allMailSent } from '../owner.ts';
import { chooseCode } from './code-choice.ts';
import { begin, prove } from './corridor.ts';
import type { Point } from './servers.ts';
import { named, owedWith, passwordOf, usualPlace } from './sign-in-steps.ts';
import { refresh } from './standing.ts';
import { type Model, QUEUE_MILLISECONDS, type Verdict } from './state.ts';
import {
  accountAt,
  nameOf,
  type Step,
  sessionToken,
  steps,
  ticketToken,
  tokenInWords,
  whichToken,
  who,
} from './step.ts';
import { type Asked, MOUNTS, STEPS } from './wire.ts';
import type { Done, World } from './world.ts';

// Servers that die. What was acknowledged stays, what was spent stays spent, what was counted stays counted; what was begun and
// not done holds its place no longer than a lease.

const crashes = steps('crash', fc.constant(null), async (model, world) => {
  await world.servers.crash();
  // Whatever was queued is sent: by the other server, or by the new one.
  await allMailSent(world);
  world.trace.push('a server dies, and another takes its place');
  world.count('crash', 'done');
  await world.checkStore(model);
});

/** Longer than an attempt that nobody finishes holds its place, in seconds. */
const LEASE_SECONDS = (QUEUE_MILLISECONDS + 30_000) / 1000 + 1;

/** A request in the middle of which its server may die. */
interface Deadly {
  readonly kind: string;
  readonly what: string;
  readonly asked: Asked;
  readonly point: Point;
  /** What the whole of it does to the model. */
  readonly whole: () => Verdict;
  /** What is left of it when the server dies before the point; it may hold a place among the tries. */
  readonly beginning: () => void;
  readonly expected?: Pick<Done, 'owed' | 'ticketIn'>;
}

async function die(model: Model, world: World, isCommitted: boolean, deadly: Deadly): Promise<void> {
  const { kind, asked, point, whole, beginning, expected } = deadly;
  const what = `${deadly.what}, to die ${isCommitted ? 'after' : 'before'} ${point}`;
  const answer = await world.servers.postToDeath(asked, point, isCommitted);
  if (answer !== null) {
    await world.settle(model, kind, { what, answer, verdict: whole(), ...expected });
    return;
  }
  if (isCommitted) {
    await world.settleUntold(model, what, whole());
    return;
  }
  beginning();
  await world.settleUntold(model, what, null);
  world.core.clock.advance(LEASE_SECONDS);
  model.now += LEASE_SECONDS * 1000;
}

const isCommitted = fc.boolean();

const refreshes = steps(
  'die amid a refresh',
  fc.record({ token: whichToken, isCommitted }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['refresh'], drawn.token);
    const name = model.tokens.get(token)?.session.mount;
    const mount = MOUNTS.find((each) => each.name === name && each.refresh !== null);
    await die(model, world, drawn.isCommitted, {
      kind: 'refresh',
      what: `refresh ${tokenInWords(model, token)}`,
      asked: mount?.refresh?.(token) ?? ['/v1/refresh', { refreshToken: token }],
      point: 'rotating a refresh token',
      whole: () => refresh(model, mount?.name ?? 'native', token),
      beginning: () => undefined,
    });
  },
);

const beginnings = steps(
  'die amid a password',
  fc.record({ who, mount: fc.nat(MOUNTS.length - 1), isRight: fc.boolean(), isCommitted }),
  async (model, world, drawn) => {
    const mount = MOUNTS[drawn.mount] as (typeof MOUNTS)[number];
    const account = accountAt(model, drawn.who);
    const password = drawn.isRight ? passwordOf(account, null) : 'a password of nobody at all';
    const device = mount.name === 'fingerprint' ? 'device 0' : null;
    const people = named(model, account.email);
    await die(model, world, drawn.isCommitted, {
      kind: `begin at ${mount.name}`,
      what: `begin at ${mount.name} as ${nameOf(account)} with a ${drawn.isRight ? 'right' : 'wrong'} password`,
      asked: mount.begin(account.email, password, 'device 0'),
      point: drawn.isRight ? 'issuing a session' : 'counting a failure',
      whole: () => begin(model, { mount: mount.name, named: people, password, device }),
      beginning: () => undefined,
      expected: { ticketIn: mount.ticketIn },
    });
  },
);

const proofs = steps(
  'die amid a proof',
  fc.record({ token: whichToken, isCommitted }),
  async (model, world, drawn) => {
    const token = ticketToken(model, world, ['prove', 'switch', 'prove-again'], drawn.token);
    const at = usualPlace(model, token);
    const ticket = model.tickets.find((each) => each.token === token);
    const code = chooseCode(model, ticket, 'the right', 0);
    const device = ticket?.device ?? 'device 0';
    await die(model, world, drawn.isCommitted, {
      kind: 'prove the right',
      what: `show the right code for ${tokenInWords(model, token)} at ${at}`,
      asked: STEPS[at].prove(token, code, device),
      point: 'issuing a session',
      whole: () => prove(model, { at, token, code, device }),
      // The try was counted on its ticket, and the code is as good as before.
      beginning: () => {
        if (ticket) ticket.attempts += 1;
      },
      expected: { owed: owedWith(model, at, token, code) },
    });
  },
);

/** What nobody does. */
export const CRASH_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 2, arbitrary: crashes },
  { weight: 1, arbitrary: refreshes },
  { weight: 2, arbitrary: beginnings },
  { weight: 2, arbitrary: proofs },
];
