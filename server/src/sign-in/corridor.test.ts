import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsDuring } from '../../testing/audit.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { corridorOn, freshAttempt } from '../../testing/single-step.ts';
import { deviceName } from '../accounts/fingerprint.ts';
import type { Session } from '../store/sessions.ts';
import type { Ticket } from '../store/tickets.ts';
import { type Attempt, auditAttempt, type Corridor, fromSession, fromTicket } from './corridor.ts';

describe('what the audit log says of an attempt', () => {
  let core: TestCore;
  let corridor: Corridor;
  let attempt: Attempt;
  beforeAll(async () => {
    core = await openTestCore('sqlite');
    corridor = corridorOn(core);
    attempt = freshAttempt(core, 'login');
  });
  afterAll(() => core.close());

  const membership = (organisationId: string | null) => ({ organisationId, role: 'Student' });
  /** The mount of the session that an attempt goes on from, as one organisation's. */
  const ofOrganisation = (mounts: Corridor['mounts']) =>
    new Map([...mounts].map(([name, mount]) => [name, { ...mount, organisation: 'of the mount' }] as const));

  test.each([
    ['that it was made for', membership('of the session'), 'login', 'of the session'],
    ['that its mount is of, for a role outside any', membership(null), 'login', 'of the mount'],
    ['that its mount is of', null, 'login', 'of the mount'],
    ['that is not known, where its mount is no more', null, 'gone', null],
  ])('of a session, the organisation %s', (_what, own, mount, organisationId) => {
    const session = { id: 'session', mount, membership: own, device: 'device' } as Session;
    const goesOn = fromSession({ mounts: ofOrganisation(corridor.mounts) }, attempt, session);
    expect(goesOn).toEqual({
      ...attempt,
      goesOn: { organisationId, device: 'device', sessionId: 'session' },
    });
  });

  test('of a session, no organisation where neither it nor its mount has one', () => {
    const session = { id: 'session', mount: 'login', membership: null, device: null } as Session;
    expect(fromSession(corridor, attempt, session).goesOn).toMatchObject({ organisationId: null });
  });

  const fingerprintHash = 'a hash that is longer than a name';
  test.each([
    [
      'what it has',
      { membership: membership('of the ticket'), device: { fingerprintHash, fingerprintSealed: '' } },
      { organisationId: 'of the ticket', device: deviceName(fingerprintHash) },
    ],
    ['of a role outside any organisation', { membership: membership(null), device: null }, {}],
    ['nothing where it has nothing', { membership: null, device: null }, {}],
  ])('of a ticket, %s', (_what, has, says) => {
    const ticket = { ...has, sessionId: 'session' } as Ticket;
    expect(fromTicket(attempt, ticket).goesOn).toEqual({
      organisationId: null,
      device: null,
      sessionId: 'session',
      ...says,
    });
  });

  test('what is known now, else what it goes on from, else what its mount is of', async () => {
    const mount = { ...attempt.mount, organisation: 'of the mount' };
    const goesOn = { organisationId: 'before', device: 'before', sessionId: 'before' };
    const known = { organisationId: 'now', device: 'now', sessionId: 'now' };
    const events = await eventsDuring(core, () =>
      core.store.commit([
        auditAttempt({ ...attempt, mount, goesOn }, 1, 'code.refused', known),
        auditAttempt({ ...attempt, mount, goesOn }, 2, 'code.refused', { reason: 'why' }),
        auditAttempt({ ...attempt, mount }, 3, 'code.refused', {}),
        auditAttempt(attempt, 4, 'code.refused', {}),
      ]),
    );
    const { address, requestId } = attempt.caller;
    const everywhere = { actor: 'client', mount: 'login', contract: 'login', address, requestId };
    const nothing = { organisationId: null, device: null, sessionId: null };
    expect(events).toMatchObject([
      { ...everywhere, at: 1, ...known },
      { ...everywhere, at: 2, ...goesOn, reason: 'why' },
      { ...everywhere, at: 3, ...nothing, organisationId: 'of the mount' },
      { ...everywhere, at: 4, ...nothing },
    ]);
  });
});
