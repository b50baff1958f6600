import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsDuring } from '../../testing/audit.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import { accountOn, corridorOn, freshAttempt } from '../../testing/single-step.ts';
import { Windows } from '../limits/windows.ts';
import { TICKET_ATTEMPTS } from '../store/count-attempt.ts';
import { stateFact } from '../store/facts.ts';
import { issueTicket, type Ticket } from '../store/tickets.ts';
import { refused } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { admitCode, isClosedToGuesses, MOST_WRONG_CODES, refuseCode } from './count-code.ts';
import { factorKey, type Hold } from './throttle.ts';
import { drawTicket } from './ticket.ts';

const MAX_FAILURES = 3;
const TICKET_SECONDS = 300;

describe.each(ENGINES)('a code is counted before it is looked at, on %s', (engine) => {
  let core: TestCore;
  let corridor: Corridor;
  let attempt: Attempt;
  beforeAll(async () => {
    core = await openTestCore(
      engine,
      {
        LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
        LATCHKEY_CHALLENGE_TICKET_SECONDS: String(TICKET_SECONDS),
      },
      frozenClock(),
    );
    corridor = corridorOn(core);
    attempt = freshAttempt(core, 'login');
  });
  afterAll(() => core.close());

  async function newTicket(): Promise<Ticket> {
    const account = await accountOn(core);
    const { ticket } = drawTicket(corridor, attempt, { purpose: 'prove', account, picked: null });
    await core.store.commit([issueTicket(ticket)]);
    return ticket;
  }
  const stateOf = ({ accountId }: Ticket) => core.store.attempts.state(factorKey(accountId));
  const triesOf = async ({ secretHash }: Ticket) => (await core.store.tickets.bySecret(secretHash))?.attempts;
  const admit = (ticket: Ticket) =>
    admitCode(corridor, { ...attempt, caller: { ...attempt.caller, arrivedAt: core.clock.now() } }, ticket);
  async function hold(ticket: Ticket): Promise<Hold> {
    const admitted = await admit(ticket);
    if ('kind' in admitted) throw new Error(`nothing was held: ${admitted.kind}`);
    return admitted;
  }
  const refuse = (ticket: Ticket, held: Hold, using = corridor) =>
    refuseCode(using, attempt, {
      accountId: ticket.accountId,
      hold: held,
      reason: 'second-factor',
      factor: 'totp',
    });
  /** As if that many had failed, long ago. */
  async function failedBefore(ticket: Ticket, failures: number): Promise<void> {
    await refuse(ticket, await hold(ticket));
    const sql = 'UPDATE attempts SET failures = $2 WHERE key = $1';
    await core.store.commit([{ sql, params: [factorKey(ticket.accountId), failures] }]);
  }

  test('on its account and on its ticket', async () => {
    const ticket = await newTicket();
    expect(await hold(ticket)).toMatchObject({ key: factorKey(ticket.accountId), failures: 0 });
    expect(await stateOf(ticket)).toMatchObject({ failures: 0, inFlight: 1 });
    expect(await triesOf(ticket)).toBe(1);
  });

  test('not at a ticket that has ended or been tried too often, which costs the account nothing', async () => {
    const [old, tried] = [await newTicket(), await newTicket()];
    core.clock.advance(TICKET_SECONDS);
    const sql = 'UPDATE tickets SET attempts = $2, expires_at = $3 WHERE secret_hash = $1';
    const inTime = core.clock.now() + 1000;
    await core.store.commit([{ sql, params: [tried.secretHash, TICKET_ATTEMPTS, inTime] }]);
    for (const ticket of [old, tried]) {
      expect(await admit(ticket)).toEqual(refused('ticket-invalid'));
      expect(await stateOf(ticket)).toMatchObject({ failures: 0, inFlight: 0 });
    }
  });

  test('not while the account must wait, which costs the ticket nothing', async () => {
    const ticket = await newTicket();
    for (let each = 0; each < MAX_FAILURES; each += 1)
      expect(await refuse(ticket, await hold(ticket))).toEqual(refused('code-invalid'));
    expect(await admit(ticket)).toEqual({ kind: 'throttled', retryAfterSeconds: 30 });
    expect(await triesOf(ticket)).toBe(MAX_FAILURES);
    core.clock.advance(30);
    expect(await hold(ticket)).toMatchObject({ failures: MAX_FAILURES });
  });

  test('wrong codes are not forgotten in a day, as wrong passwords are', async () => {
    const ticket = await newTicket();
    await failedBefore(ticket, MAX_FAILURES - 1);
    core.clock.advance(2 * 86_400);
    expect(
      await core.store.commit([
        issueTicket({
          ...ticket,
          secretHash: `again ${ticket.secretHash}`,
          expiresAt: core.clock.now() + 1000,
        }),
      ]),
    ).toMatchObject({ ok: true });
    expect(await hold({ ...ticket, secretHash: `again ${ticket.secretHash}` })).toMatchObject({
      failures: MAX_FAILURES - 1,
    });
  });

  test('the hundredth wrong one is counted, and none after it', async () => {
    const ticket = await newTicket();
    await failedBefore(ticket, MOST_WRONG_CODES - 1);
    const last = await hold(ticket);
    expect(isClosedToGuesses(last)).toBe(false);
    const events = await eventsDuring(core, () => refuse(ticket, last));
    expect(await stateOf(ticket)).toMatchObject({ failures: MOST_WRONG_CODES, inFlight: 0 });
    const sql = 'UPDATE attempts SET blocked_until = 0 WHERE key = $1';
    await core.store.commit([{ sql, params: [factorKey(ticket.accountId)] }]);
    const after = await hold(ticket);
    expect(isClosedToGuesses(after)).toBe(true);
    const closed = await eventsDuring(core, async () =>
      expect(await refuse(ticket, after)).toEqual(refused('code-invalid')),
    );
    expect(await stateOf(ticket)).toMatchObject({ failures: MOST_WRONG_CODES, inFlight: 0, blockedUntil: 0 });
    const written = {
      event: 'code.refused',
      accountId: ticket.accountId,
      reason: 'second-factor',
      factor: 'totp',
    };
    expect([...events, ...closed]).toMatchObject([
      { ...written, detail: null },
      { ...written, detail: { closed: true } },
    ]);
  });

  test('what the refusal changes beside is in the same commit', async () => {
    const ticket = await newTicket();
    const held = await hold(ticket);
    const { accountId } = ticket;
    const wrong = { accountId, hold: held, reason: 'device', factor: 'email' };
    await refuseCode(corridor, attempt, wrong, [stateFact(`beside ${accountId}`, 'it')]);
    expect(await core.store.facts.value(`beside ${accountId}`)).toBe('it');
  });

  test('an address with one more wrong code than it may have is not told that it was wrong', async () => {
    const window = { count: 1, seconds: 60 };
    const limits = {
      address: window,
      asking: window,
      organisation: window,
      everybody: window,
      context: window,
    };
    const narrow = { ...corridor, windows: new Windows({ limits, shared: null }) };
    const ticket = await newTicket();
    expect(await refuse(ticket, await hold(ticket), narrow)).toEqual(refused('code-invalid'));
    expect(await refuse(ticket, await hold(ticket), narrow)).toMatchObject({ kind: 'throttled' });
    expect(await stateOf(ticket)).toMatchObject({ failures: 2, inFlight: 0 });
  });
});
