import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { carryOut, expectKind, showPassword } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { PUBLIC_URL, personWithPasskey } from '../../testing/passkeys.ts';
import { frozenClock } from '../../testing/ports.ts';
import type { CeremonyOptions, Forgery, SoftwarePasskey } from '../../testing/software-passkey.ts';
import { declined } from '../commands/decline.ts';
import { readAssertion } from '../contracts/native/passkeys.ts';
import { CHALLENGE_SECONDS } from '../factors/passkey-challenge.ts';
import type { PasskeyAssertion } from '../factors/passkey-response.ts';
import { refused } from './attempt.ts';

const TICKET_SECONDS = 600;

describe.each(ENGINES)('a passkey for the step that is due, on %s', (engine) => {
  let app: TestApp;
  let organisation: string;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_PUBLIC_URL: PUBLIC_URL }, frozenClock());
    await app.load({ kind: 'role', name: 'Clerk' });
    organisation = await app.organisation({ settings: { requireSecondFactorFor: ['Clerk'] } });
  });
  afterAll(() => app.stop());

  const ask = (ticket: string) => carryOut(app, 'native', { kind: 'passkey-step-options', ticket });
  const due = async (person: Person, mount = 'native', fingerprint: string | null = null) =>
    expectKind(await carryOut(app, mount, showPassword(person, fingerprint)), 'step-required').ticket;
  const signedBy = (passkey: SoftwarePasskey, options: object, forgery: Forgery = {}): PasskeyAssertion => {
    const signed = readAssertion({ passkey: passkey.sign(options as CeremonyOptions, forgery) });
    if (signed === null) throw new Error('nobody could read what was signed');
    return signed;
  };
  const prove = (ticket: string, response: PasskeyAssertion) => {
    const proof = { kind: 'passkey', response } as const;
    return carryOut(app, 'native', { kind: 'prove', ticket, proof, step: null, fingerprint: null });
  };
  const asked = (person: Person) =>
    app.load({ kind: 'membership', account: person.id, organisation, role: 'Clerk' });

  test('is one of the account’s, and signs for this ticket', async () => {
    const { person, passkey } = await personWithPasskey(app);
    await asked(person);
    const ticket = await due(person);
    const outcome = expectKind(await ask(ticket), 'passkey-options');
    expect(outcome.ticket).toBeNull();
    expect(outcome.options).toMatchObject({ allowCredentials: [{ id: passkey.id }] });
    const signed = signedBy(passkey, outcome.options);
    expect(await prove(await due(person), signed)).toEqual(refused('code-invalid'));
    expectKind(await prove(ticket, signed), 'signed-in');
  });

  test('that was copied is refused, and that is written down', async () => {
    const { person, passkey } = await personWithPasskey(app);
    await asked(person);
    for (const [counter, event] of [
      [7, { event: 'sign-in.completed', factor: 'hwk user' }],
      [7, { event: 'code.refused', factor: 'passkey', reason: 'passkey-cloned' }],
    ] as const) {
      const ticket = await due(person);
      const { options } = expectKind(await ask(ticket), 'passkey-options');
      await prove(ticket, signedBy(passkey, options, { counter }));
      expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject(event);
    }
  });

  test('is not asked for where the account has none, nor for a device, nor without a ticket', async () => {
    const person = await app.person();
    await asked(person);
    expect(await ask(await due(person))).toEqual(declined('no-such-passkey'));
    const owner = await personWithPasskey(app);
    await app.person({ ...owner.person, recogniseDevices: true, devices: ['known'] });
    // A device is confirmed at the door where the sign-in began, or by a challenge of this one.
    expect(await ask(await due(owner.person, 'native'))).toEqual(declined('no-such-passkey'));
    expect(await ask('none')).toEqual(refused('ticket-invalid'));
  });

  test('signs what is good for five minutes, and no longer than the ticket', async () => {
    const { person } = await personWithPasskey(app);
    await asked(person);
    const ticket = await due(person);
    const endsAt = app.core.clock.now() + TICKET_SECONDS * 1000;
    const goodUntil = async () => {
      const { options } = expectKind(await ask(ticket), 'passkey-options');
      const { challenge } = options as CeremonyOptions;
      return Number(Buffer.from(challenge, 'base64url').toString().split('.')[0]);
    };
    expect(await goodUntil()).toBe(app.core.clock.now() + CHALLENGE_SECONDS * 1000);
    app.core.clock.advance(TICKET_SECONDS - CHALLENGE_SECONDS + 1);
    expect(await goodUntil()).toBe(endsAt);
  });
});
