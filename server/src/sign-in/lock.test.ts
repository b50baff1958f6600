import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';

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
