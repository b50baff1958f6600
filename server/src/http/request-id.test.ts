import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { ATTESTED_DEVICE } from '../../testing/attested-device.ts';
import { freePort } from '../../testing/postgres.ts';

const NOT_LOOKED_UP = 'a password was not looked up among the breached ones';

describe('a line of the log that is made while a request is served has its id:', () => {
  let app: TestApp;
  beforeAll(async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    app = await startApp('sqlite', {
      LATCHKEY_PASSWORDS_BREACH_CHECK_URL: `${nobody}/range`,
      LATCHKEY_ATTESTATION_URL: nobody,
      LATCHKEY_ATTESTATION_SECRET: `whsec_${Buffer.alloc(32, 9).toString('base64')}`,
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'credential-type', allowSignUp: true },
        { contract: 'profile', allowSignUp: true },
      ]),
    });
  });
  afterAll(() => app.stop());

  /** The line that an answer came with. */
  function expectLine(message: string, answer: Answer, at = app): void {
    const lines = at.core.log.lines.filter((line) => line.message === message);
    expect(lines.at(-1)?.fields, message).toMatchObject({ requestId: answer.headers.get('x-request-id') });
  }

  test('a password that is changed and cannot be looked up', async () => {
    const { email, password } = await app.person();
    const signedIn = await app.post('/v1/sign-in', { identifier: email, password });
    const headers = { authorization: `Bearer ${signedIn.body.accessToken}` };
    const body = { currentPassword: password, password: 'a bittern in the reeds' };
    const changed = await app.post('/v1/password/change', body, headers);
    expect(changed.status).toBe(204);
    expectLine(NOT_LOOKED_UP, changed);
  });

  test('that of whoever signs up', async () => {
    const begun = await app.post('/v1/sign-up', { email: 'new@example.com', password: 'a heron on a pole' });
    expect(begun.status).toBe(202);
    expectLine(NOT_LOOKED_UP, begun);
  });

  test('a device that nobody could vouch for', async () => {
    const { challenge } = (await app.request('GET', '/api/v1/auth/get-challenge')).body;
    const device = { ...ATTESTED_DEVICE, challenge };
    const refused = await app.post('/api/v1/auth/sign-up', { type: 'mobile-device', data: device });
    expect(refused.status).toBe(400);
    expectLine('the attestation verifier did not answer', refused);
  });

  test('the store that is not ready', async () => {
    const away = await startApp('sqlite');
    await away.core.store.close();
    const answer = await away.request('GET', '/readyz');
    expect(answer.status).toBe(503);
    expectLine('the store is not ready', answer, away);
    await away.app.close();
    await Promise.all([away.mail.stop(), away.sms.stop()]);
  });
});
