import { existsSync, readFileSync } from 'node:fs';
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { bearer, sessionBehind, signInNative } from '../../testing/passkeys.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const isThere = existsSync(CHROMIUM);
if (!isThere)
  process.stdout.write(`the tests in a browser are skipped: no ${CHROMIUM}, and no other in CHROMIUM_PATH\n`);

// Names that a browser trusts without TLS, and that lead to the server whatever its port is.
const HOME = 'http://id.localhost';
const FRIEND = 'http://app.id.localhost';
const STRANGER = 'http://other.id.localhost';

/** The front end that the documentation shows. */
const SHOWN = [
  ...readFileSync(new URL('../../../docs/passkeys.md', import.meta.url), 'utf8').matchAll(
    /```js\n([\s\S]*?)```/g,
  ),
].map(([, script]) => script);

/** A front end whose requests can be bent, and the one that is shown. */
const PAGE = `<!doctype html><title>passkeys</title><script type="module">
  const post = async (path, body, token) => {
    const headers = { 'content-type': 'application/json', ...(token ? { authorization: 'Bearer ' + token } : {}) };
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  };
  const make = async (options, signal) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey, signal })).toJSON();
  };
  const use = async (options, changes = {}, signal) => {
    const publicKey = { ...PublicKeyCredential.parseRequestOptionsFromJSON(options), ...changes };
    return (await navigator.credentials.get({ publicKey, signal })).toJSON();
  };
  const orItsName = (work) => work().catch(({ name }) => ({ failed: name }));
  globalThis.page = {
    enrol: (token, patience) => orItsName(async () => {
      const { challenge_token, options } = (await post('/v1/factors/passkeys/options', {}, token)).body;
      const signal = patience ? AbortSignal.timeout(patience) : undefined;
      const passkey = await make(options, signal);
      return post('/v1/factors/passkeys', { challenge_token, passkey, name: 'This browser' }, token);
    }),
    signIn: (changes, patience) => orItsName(async () => {
      const { challenge_token, options } = (await post('/v1/passkeys/sign-in-options', {})).body;
      const signal = patience ? AbortSignal.timeout(patience) : undefined;
      const passkey = await use(options, changes, signal);
      return post('/v1/passkeys/sign-in', { challenge_token, passkey });
    }),
    prove: (challenge_token, changes) => orItsName(async () => {
      const { options } = (await post('/v1/challenges/passkey', { challenge_token })).body;
      const passkey = await use(options, changes);
      return post('/v1/challenges/verify', { challenge_token, passkey });
    }),
  };
</script><script type="module">${SHOWN.join('\n')}; globalThis.shown = { addPasskey, signIn, prove };</script>`;

/** How an answer comes out of the page: its status and body, or how the browser said no. */
type Seen = Partial<Pick<Answer, 'status' | 'body'>> & { readonly failed?: string };

describe.skipIf(!isThere)('MF-7: passkeys in Chromium', { timeout: 60_000 }, () => {
  let app: TestApp;
  let browser: Browser;
  let page: Page;
  let cdp: CDPSession;
  let authenticatorId: string;

  beforeAll(async () => {
    app = await startApp('sqlite', {
      LATCHKEY_PUBLIC_URL: HOME,
      LATCHKEY_PASSKEYS_ORIGINS: JSON.stringify([FRIEND]),
    });
    const { host } = new URL(app.url);
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--host-resolver-rules=${[HOME, FRIEND, STRANGER].map((url) => `MAP ${new URL(url).host} ${host}`).join(',')}`,
      ],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });
  beforeEach(async () => {
    const context = await browser.newContext();
    page = await context.newPage();
    for (const url of [HOME, FRIEND, STRANGER])
      await page.route(`${url}/`, (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
    cdp = await context.newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    await plugIn();
    await visit(HOME);
  });

  async function plugIn(): Promise<void> {
    const added = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    authenticatorId = added.authenticatorId;
  }
  async function visit(url: string): Promise<void> {
    await page.goto(`${url}/`);
    await page.waitForFunction('globalThis.page !== undefined && globalThis.shown !== undefined');
  }
  const inPage = (call: string, ...given: unknown[]): Promise<Seen> =>
    page.evaluate(`page.${call}(${given.map((each) => JSON.stringify(each) ?? 'undefined').join(', ')})`);
  const setVerified = (isUserVerified: boolean) =>
    cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
  const setPresence = (enabled: boolean) =>
    cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });
  const credentials = async () =>
    (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;

  /** Somebody whose passkey is in the browser, who is signed in nowhere. */
  async function withPasskey(fields: Record<string, unknown> = {}): Promise<Person> {
    const person = await app.person(fields);
    const { accessToken } = await signInNative(app, person);
    expect(await inPage('enrol', accessToken)).toMatchObject({ status: 201 });
    await app.post('/v1/sign-out', {}, bearer(accessToken));
    return person;
  }
  const begin = async (person: Person): Promise<string> =>
    (await app.post('/v1/sign-in', { identifier: person.email, password: person.password })).body
      .challenge_token;

  test('registers one, that the browser finds without a name', async () => {
    const person = await app.person();
    const { accessToken } = await signInNative(app, person);
    const added = await inPage('enrol', accessToken);
    expect(added).toMatchObject({ status: 201, body: { name: 'This browser' } });
    const [kept, ...others] = await credentials();
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ isResidentCredential: true, rpId: 'id.localhost' });
    expect(Buffer.from(kept?.credentialId ?? '', 'base64').toString('base64url')).toBe(added.body.id);
    const handle = Buffer.from(kept?.userHandle ?? '', 'base64');
    expect(handle).toHaveLength(32);
  });

  test('signs in with it, and nothing else', async () => {
    const person = await withPasskey();
    const answer = await inPage('signIn');
    expect(answer.status, JSON.stringify(answer)).toBe(200);
    const session = await sessionBehind(app, answer.body.accessToken);
    expect(session).toMatchObject({ account: person.id, amr: ['hwk', 'user', 'mfa'] });
    expect((await inPage('signIn')).status).toBe(200);
  });

  test('proves a second factor with it', async () => {
    const person = await withPasskey({ secondFactor: { email: true } });
    const answer = await inPage('prove', await begin(person));
    expect(answer.status, JSON.stringify(answer)).toBe(200);
    const session = await sessionBehind(app, answer.body.accessToken);
    expect(session).toMatchObject({ account: person.id, amr: ['pwd', 'hwk', 'user', 'mfa'] });
  });

  test('does so in the words of the documentation', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const { accessToken } = await signInNative(app, person);
    const shown = (call: string): Promise<Record<string, unknown>> => page.evaluate(`shown.${call}`);
    expect(await shown(`addPasskey(${JSON.stringify(accessToken)}, 'Mine')`)).toMatchObject({ name: 'Mine' });
    expect(await shown('signIn()')).toMatchObject({ accessToken: expect.any(String) });
    expect(await shown(`prove(${JSON.stringify(await begin(person))})`)).toMatchObject({
      accessToken: expect.any(String),
    });
  });

  test('does not register one twice in one authenticator', async () => {
    await withPasskey();
    const { body } = await inPage('signIn');
    expect(await inPage('enrol', body.accessToken)).toEqual({ failed: 'InvalidStateError' });
    expect(await credentials()).toHaveLength(1);
  });

  test('leaves everything as it was when the user cancels', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const { accessToken } = await signInNative(app, person);
    await setPresence(false);
    expect(await inPage('enrol', accessToken, 300)).toEqual({ failed: 'TimeoutError' });
    const list = () => app.request('GET', '/v1/factors/passkeys', { headers: bearer(accessToken) });
    expect((await list()).body.passkeys).toEqual([]);

    await setPresence(true);
    expect((await inPage('enrol', accessToken)).status).toBe(201);
    await setPresence(false);
    const ticket = await begin(person);
    expect(await inPage('signIn', {}, 300)).toEqual({ failed: 'TimeoutError' });
    const before = (await eventsOf(app.core, person.id)).length;
    await setPresence(true);
    expect((await inPage('prove', ticket)).status).toBe(200);
    expect((await inPage('signIn')).status).toBe(200);
    const since = (await eventsOf(app.core, person.id)).slice(before).map(({ event }) => event);
    expect(since).toEqual(['sign-in.completed', 'sign-in.completed']);
  });

  test('does not take the passkey of the wrong user for a second factor', async () => {
    const person = await withPasskey({ secondFactor: { email: true } });
    await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
    await plugIn();
    await withPasskey();
    const ticket = await begin(person);
    // The browser has none of those that it is asked for. A page that asks for any gets the one that is there.
    expect(await inPage('prove', ticket, { timeout: 500 })).toEqual({ failed: 'NotAllowedError' });
    expect(await inPage('prove', ticket, { allowCredentials: [] })).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid-passkey' } },
    });
  });

  test('refuses a copy whose counter was left behind', async () => {
    const person = await withPasskey();
    expect((await inPage('signIn')).status).toBe(200);
    const [copy] = await credentials();
    if (copy === undefined) throw new Error('there is no passkey');
    expect((await inPage('signIn')).status).toBe(200);
    await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId: copy.credentialId });
    await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: copy });
    expect(await inPage('signIn')).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid-passkey' } },
    });
    expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject({
      event: 'sign-in.refused',
      reason: 'passkey-cloned',
    });
    // The next one is above what is known again.
    expect((await inPage('signIn')).status).toBe(200);
  });

  test('refuses a signature without user verification, which the browser itself would not make', async () => {
    const person = await withPasskey({ secondFactor: { email: true } });
    await setVerified(false);
    expect(await inPage('signIn', { timeout: 500 })).toEqual({ failed: 'NotAllowedError' });
    const lax = { userVerification: 'discouraged' };
    expect(await inPage('signIn', lax)).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid-passkey' } },
    });
    expect(await inPage('prove', await begin(person), lax)).toMatchObject({ status: 401 });
    await setVerified(true);
    expect((await inPage('signIn')).status).toBe(200);
  });

  test('refuses one that was removed', async () => {
    await withPasskey();
    const { body } = await inPage('signIn');
    const [passkey] = (
      await app.request('GET', '/v1/factors/passkeys', { headers: bearer(body.accessToken) })
    ).body.passkeys;
    const path = `/v1/factors/passkeys/${passkey.id}`;
    expect((await app.request('DELETE', path, { headers: bearer(body.accessToken) })).status).toBe(204);
    expect(await inPage('signIn')).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid-passkey' } },
    });
  });

  test('works on an origin that the configuration names, and on no other', async () => {
    await withPasskey();
    await visit(FRIEND);
    expect((await inPage('signIn')).status).toBe(200);
    await visit(STRANGER);
    expect(await inPage('signIn')).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid-passkey' } },
    });
  });
});
