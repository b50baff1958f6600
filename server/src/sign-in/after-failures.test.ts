import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { carryOut, expectKind, showPassword } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

const MAX_FAILURES = 3;

describe.each(ENGINES)('TH-8: a sign-in after many wrong passwords, on %s', { timeout: 60_000 }, (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES) });
  });
  afterAll(() => app.stop());

  const login = (username: string, password: string) => app.post('/auth/login', { username, password });
  async function fail({ username }: Person, count: number): Promise<void> {
    for (let each = 0; each < count; each += 1)
      expect((await login(username, 'a wrong password')).status).toBe(401);
    app.core.clock.advance(60);
  }
  const toldOf = ({ email }: Person) =>
    app.mail.delivered.filter(
      ({ recipients, subject }) => recipients.includes(email) && subject?.includes('many wrong passwords'),
    );

  test('is told to the owner, with how many there were, once', async () => {
    const person = await app.person();
    await fail(person, MAX_FAILURES);
    expect((await login(person.username, person.password)).status).toBe(200);
    await expect.poll(() => toldOf(person), { timeout: 20_000 }).toHaveLength(1);
    expect(toldOf(person)[0]?.text).toContain(`after ${MAX_FAILURES} wrong ones`);
    await fail(person, MAX_FAILURES - 1);
    expect((await login(person.username, person.password)).status).toBe(200);
    // What comes later is sent after whatever was queued by then.
    await fail(person, MAX_FAILURES);
    expect((await login(person.username, person.password)).status).toBe(200);
    await expect.poll(() => toldOf(person), { timeout: 20_000 }).toHaveLength(2);
  });

  test('is told when it is completed, not while a second factor is due', async () => {
    const person = await app.person({ secondFactor: { totp: SEED } });
    await fail(person, MAX_FAILURES);
    const begin = () => app.post('/v1/sign-in', { identifier: person.username, password: person.password });
    await begin();
    const { challenge_token } = (await begin()).body;
    const code = totpCode(app.core.clock.now());
    expect((await app.post('/v1/challenges/verify', { challenge_token, code })).status).toBe(200);
    await expect.poll(() => toldOf(person), { timeout: 20_000 }).toHaveLength(1);
  });

  test('is sent once it is committed, and not looked for before', async () => {
    const person = await app.person();
    await fail(person, MAX_FAILURES);
    const steps: string[] = [];
    const commit: typeof app.core.store.commit = async (changes) => {
      const committed = await app.core.store.commit(changes);
      if (changes.some(({ sql }) => sql.includes('INSERT INTO outbox'))) steps.push('committed');
      return committed;
    };
    const corridor = {
      ...app.app.corridor,
      store: { ...app.core.store, commit },
      mailQueued: () => steps.push('sent'),
    };
    expectKind(await carryOut(app, 'login', showPassword(person), corridor), 'signed-in');
    expect(steps).toEqual(['committed', 'sent']);
  });
});
