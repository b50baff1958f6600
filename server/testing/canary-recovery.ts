import { expect } from 'vitest';
import { canary } from './canaries.ts';
import type { Journey } from './canary-journey.ts';
import { longCode, RECOVERY_DOORS } from './recovery.ts';

/** Passwords forgotten, refused, reused, reset and changed, and an account validated, at every contract that has it. */
export async function throughRecovery(journey: Journey): Promise<void> {
  const { server, directory, mail } = journey;
  // They are too long to be guessed: the store keeps a plain hash of them.
  const typeCode = async (email: string): Promise<string> => {
    const text = await longCode(mail, email);
    server.secrets.push({ what: `code for ${email}`, text });
    return text;
  };
  const person = directory.who('forgetful-login');
  const refused = await server.post('/auth/login', { username: person.email, password: person.password });
  const { resend_code } = refused.body.extra_attributes;
  await server.post('/api/public/account/resend-validation', { resend_code });
  const code = await typeCode(person.email);
  const validate = (password: string) => server.post('/api/public/account/validate', { code, password });
  expect((await validate(server.type('wrong password with a code', canary('validate')))).status).toBe(401);
  expect((await validate(person.password)).status).toBe(200);

  for (const door of RECOVERY_DOORS) {
    const { email, password } = directory.who(`forgetful-${door.contract}`);
    await door.ask(server, server.type('somebody who is nobody', canary('nobody')));
    await door.ask(server, email);
    const token = await typeCode(email);
    const fresh = server.type(`new password at ${door.contract}`, canary('new'));
    const wrong = server.type(`wrong code at ${door.contract}`, token.split('').reverse().join(''));
    expect((await door.reset(server, wrong, fresh)).status).toBeGreaterThanOrEqual(400);
    for (const other of [password, 'password123', `${fresh.repeat(20)}`])
      expect((await door.reset(server, token, other)).status).toBeGreaterThanOrEqual(400);
    expect(await door.reset(server, token, fresh)).toMatchObject(door.done);
    const signedIn = await server.post('/v1/sign-in', { identifier: email, password: fresh });
    const headers = { authorization: `Bearer ${signedIn.body.accessToken}` };
    const change = (currentPassword: string, next: string) =>
      server.post('/v1/password/change', { currentPassword, password: next }, headers);
    const changed = server.type(`changed password at ${door.contract}`, canary('changed'));
    expect((await change(password, changed)).status).toBe(401);
    expect((await change(fresh, password)).status).toBe(422);
    expect((await change(fresh, changed)).status).toBe(204);
  }
}
