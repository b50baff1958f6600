import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';

const DEVICE = { 'x-fingerprint-id': 'a known device' };

// What is issued stands on the credentials that it was issued for.
describe.each(ENGINES)('SE-3: another password or second factor, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  const line = ({ id, username, email }: Person, more: object) =>
    app.load({ kind: 'account', id, username, email, emailValidated: true, ...more });
  const isActive = async (token: string | undefined): Promise<boolean> =>
    (await app.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } })).status ===
    200;

  const CHANGES: Readonly<Record<string, (person: Person) => Promise<unknown>>> = {
    password: (person) => line(person, { password: 'another password', recogniseDevices: true }),
    'second factor': (person) =>
      line(person, { secondFactor: { totp: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' }, recogniseDevices: true }),
  };

  test.each(Object.keys(CHANGES))('%s: ends every session there is', async (what) => {
    const person = await app.person();
    const tokens: (string | undefined)[] = [];
    for (const contract of STEP_CONTRACTS)
      tokens.push(accessTokenIn(contract, await signIn(app, contract, person)));
    expect(await Promise.all(tokens.map(isActive))).toEqual(STEP_CONTRACTS.map(() => true));
    await CHANGES[what]?.(person);
    expect(await Promise.all(tokens.map(isActive))).toEqual(STEP_CONTRACTS.map(() => false));
  });

  test.each(Object.keys(CHANGES))('%s: makes codes and tickets that are out worth nothing', async (what) => {
    for (const contract of STEP_CONTRACTS) {
      const person = await app.person({ secondFactor: { email: true } });
      const step = await openStep(app, contract, person, DEVICE);
      const code = await app.mail.code(person.email);
      await CHANGES[what]?.(person);
      expect(accessTokenIn(contract, await step.prove(code)), contract).toBeUndefined();
    }
  });

  test.each(Object.keys(CHANGES))('%s: makes known devices unknown', async (what) => {
    const known = { recogniseDevices: true, devices: [DEVICE['x-fingerprint-id']] };
    const person = await app.person(known);
    const observe = async (password: string) => {
      const body = { username: person.username, password };
      return (await app.post('/identity/sign-in', body, DEVICE)).body.data.observation.code;
    };
    expect(await observe(person.password)).toBe(1);
    await CHANGES[what]?.(person);
    if (what === 'password') expect(await observe('another password')).toBe(3);
    else expect(await observe(person.password)).toBe(2);
    expect(await app.core.store.accountRecords.devicesOf([person.id])).toEqual([]);
  });
});
