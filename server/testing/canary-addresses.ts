import { expect } from 'vitest';
import { canary } from './canaries.ts';
import type { Journey } from './canary-journey.ts';
import { mailedCode } from './owner.ts';

const wrong = (code: string) => (code === '271828' ? '271829' : '271828');

/** Signing up, and an address proven and changed: codes that are wrong, right and waiting, passwords that are new. */
export async function throughAddresses(journey: Journey): Promise<void> {
  const { server, directory } = journey;
  const typeCode = async (email: string) =>
    server.type(`code for ${email}`, await mailedCode(journey, { email }));
  const email = 'canary-who-signs-up@example.com';
  const password = server.type('password of somebody who signs up', canary('sign-up'));
  expect((await server.post('/v1/sign-up', { email, password: 'password123' })).status).toBe(422);
  const { challenge_token } = (await server.post('/v1/sign-up', { email, password, name: 'A canary' })).body;
  const code = await typeCode(email);
  const finish = (shown: string) => server.post('/v1/sign-up/confirm', { challenge_token, code: shown });
  expect((await finish(server.type('wrong code of a sign-up', wrong(code)))).status).toBe(401);
  expect((await finish(code)).status).toBe(201);
  expect((await finish(code)).status).toBe(401);

  const person = directory.who('moving');
  const signedIn = await server.post('/v1/sign-in', { identifier: person.email, password: person.password });
  const headers = { authorization: `Bearer ${signedIn.body.accessToken}` };
  for (const [path, wanted] of [
    ['/v1/email/validate', person.email],
    ['/v1/email', 'canary-who-moved@example.com'],
  ] as const) {
    const begun = await server.post(path, { email: wanted }, headers);
    const sent = await typeCode(wanted);
    const confirm = (shown: string) =>
      server.post('/v1/email/confirm', { challenge_token: begun.body.challenge_token, code: shown }, headers);
    expect((await confirm(server.type('wrong code for an address', wrong(sent)))).status).toBe(401);
    expect((await confirm(sent)).status).toBe(204);
  }
  // They wait, with what will be theirs.
  const waiting = server.type('password of somebody who may sign up', canary('waiting'));
  await server.post('/v1/sign-up', { email: 'canary-who-waits@example.com', password: waiting });
  await server.post('/v1/email', { email: 'canary-who-may-move@example.com' }, headers);
}
