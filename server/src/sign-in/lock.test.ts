import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { carryOut, expectKind, overtakenBy, showCode, showPassword } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { PUBLIC_URL, personWithPasskey } from '../../testing/passkeys.ts';
import type { CeremonyOptions } from '../../testing/software-passkey.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { readAssertion } from '../contracts/native/passkeys.ts';
import { failAttempt } from '../store/count-attempt.ts';
import type { Command } from './attempt.ts';
import { accountKey, factorKey } from './throttle.ts';

describe.each(ENGINES)('wrong passwords in a row, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
  });
  afterAll(() => app.stop());

  const verify = (identity: string, password: string) =>
    app.post('/auth/sign-in-verify', { identity, password });

  /** An account of somebody in an organisation of their own, with a role there. */
  async function member(
    role: string,
    organisation: Record<string, unknown>,
    account: Record<string, unknown> = {},
  ): Promise<Person> {
    const id = await app.organisation(organisation);
    const person = await app.person({ organisation: id, ...account });
    await app.load({ kind: 'membership', account: person.id, organisation: id, role });
    return person;
  }

  test('a right password ends the row, also where nothing is picked or a step is due', async () => {
    const settings = { maxFailedSignInAttempts: 3, mfaForStudents: true };
    for (const role of ['Teacher', 'Student']) {
      const { username, email, password } = await member(role, { settings });
      const inBetween = [
        () => verify(email, password),
        () => app.post('/auth/login', { username, password }),
        () => app.post('/identity/sign-in', { username, password }, { 'x-fingerprint-id': 'd' }),
      ];
      for (const right of inBetween) {
        for (let each = 0; each < 2; each += 1)
          expect((await verify(email, 'a wrong password')).status).toBe(401);
        expect((await right()).text).not.toContain('redentials');
      }
      for (let each = 0; each < 3; each += 1) await verify(email, 'a wrong password');
      expect((await verify(email, password)).body).toEqual({
        status_code: 401,
        message: 'Password is invalid.',
      });
    }
  });
});

describe.each(ENGINES)('a lock that is set while a sign-in is completed, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_PUBLIC_URL: PUBLIC_URL });
  });
  afterAll(() => app.stop());

  const locking = { maxFailures: 100, waitSeconds: 1, lockAfter: 2, forgets: false };
  const stateOf = (key: string) => app.core.store.attempts.state(key);

  /** Fails twice in a row, the second time when the command is about to make a session. */
  async function lockedMeanwhile({ id }: Pick<Person, 'id'>, command: Command) {
    const fail = (key: string) => failAttempt(key, locking, app.core.clock.now());
    const seed = (key: string) => ({
      sql: `INSERT INTO attempts (key, failures, streak, in_flight, in_flight_until, blocked_until, locked_until, last_failure_at)
            VALUES ($1, 1, 1, 0, 0, 0, 0, $2) ON CONFLICT (key) DO UPDATE SET failures = 1, streak = 1`,
      params: [key, app.core.clock.now()],
    });
    await app.core.store.commit([seed(accountKey(id)), seed(factorKey(id))]);
    const overtaken = overtakenBy(app, () => fail(accountKey(id)));
    expectKind(await carryOut(app, 'native', command, overtaken), 'signed-in');
    expect(await stateOf(accountKey(id))).toMatchObject({ failures: 2, streak: 2 });
    expect((await stateOf(accountKey(id)))?.lockedUntil).toBeGreaterThan(app.core.clock.now());
    expect((await stateOf(factorKey(id)))?.failures).toBe(0);
  }

  test('outlasts one by password', async () => {
    const person = await app.person();
    await lockedMeanwhile(person, showPassword(person));
  });

  test('outlasts one by a code', async () => {
    const person = await app.person({ secondFactor: { totp: SEED } });
    const { ticket } = expectKind(await carryOut(app, 'native', showPassword(person)), 'step-required');
    await lockedMeanwhile(person, showCode(ticket, totpCode(app.core.clock.now())));
  });

  test('outlasts one by a passkey', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const begun = await carryOut(app, 'native', { kind: 'passkey-sign-in-options' });
    const { ticket, options } = expectKind(begun, 'passkey-options');
    const response = readAssertion({ passkey: passkey.sign(options as CeremonyOptions) });
    if (response === null) throw new Error('nobody could read what was signed');
    await lockedMeanwhile(person, { kind: 'passkey-sign-in', ticket: ticket ?? '', response });
  });
});
