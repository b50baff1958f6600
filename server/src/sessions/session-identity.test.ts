import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';

// A session's id is made by us, when the last step is passed: nothing that a client sends along decides it.
describe.each(ENGINES)('SE-1: the id of a session, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const idIn = (token: string | undefined): string => String(readJwt(token ?? '').payload.sid);
  const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` });
  const idOfNew = async (contract: string, person: Person) =>
    idIn(accessTokenIn(contract, await signIn(app, contract, person)));

  test.each(STEP_CONTRACTS)('is another one at every sign-in at %s, and at every step', async (contract) => {
    const person = await app.person();
    const ids = [await idOfNew(contract, person), await idOfNew(contract, person)];
    await app.person({ ...person, secondFactor: { email: true } });
    const step = await openStep(app, contract, person, { 'x-fingerprint-id': 'd' });
    const proven = await step.prove(await app.mail.code(person.email));
    ids.push(idIn(accessTokenIn(contract, proven)));
    expect(new Set(ids).size).toBe(3);
  });

  test.each(STEP_CONTRACTS)('is not taken from what comes with a sign-in at %s', async (contract) => {
    const [one, other] = [await app.person(), await app.person()];
    const token = accessTokenIn(contract, await signIn(app, contract, one));
    // The same browser, which still has what it was given: somebody else signs in, and nobody has signed out.
    const jar = { ...bearer(token), cookie: `session=${idIn(token)}; sid=${idIn(token)}` };
    const sameBrowser = {
      post: (path: string, body: unknown, headers = {}) =>
        app.post(path, { ...(body as object), sid: idIn(token) }, { ...jar, ...headers }),
    };
    const answer = await signIn(sameBrowser, contract, other);
    const next = accessTokenIn(contract, answer);
    expect(idIn(next)).not.toBe(idIn(token));
    expect(answer.headers.get('set-cookie')).toBeNull();
    const whoIs = async (of: string | undefined) =>
      (await app.request('GET', '/v1/session', { headers: bearer(of) })).body.account;
    expect([await whoIs(token), await whoIs(next)]).toEqual([one.id, other.id]);
  });

  test('is another one after switching roles, and stays with its refreshes', async () => {
    const organisation = await app.organisation();
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { username, password } = person;
    const before = (await app.post('/auth/login', { username, password })).body;
    const switched = await app.post(
      '/v1/session/switch',
      { organisation, role: 'Student' },
      bearer(before.access_token),
    );
    const { accessToken, refreshToken } = switched.body;
    expect(idIn(accessToken)).not.toBe(idIn(before.access_token));
    const { body } = await app.post('/auth/refresh-token', { refresh_token: refreshToken });
    expect(idIn(body.access_token)).toBe(idIn(accessToken));
  });
});
