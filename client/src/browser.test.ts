import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../server/testing/app.ts';
import { installPacked, type PackedPackage } from '../../tools/packed-package.ts';
import { type Browser, isBrowserThere, startBrowser } from '../testing/browser.ts';
import { type Site, startSite } from '../testing/site.ts';

/** A page that signs in at any contract, up to the step that is due, and goes on from there. */
const PAGE = `<!doctype html><title>contracts</title><script type="module">
  import { createClient, webStore } from '/client/index.js';
  const begin = {
    fingerprint: (client, { email, password }) => client.signIn({ username: email, password }),
    profile: (client, { email, password }) => client.signIn({ email, password }),
    async 'role-picker'(client, { email, password }) {
      const found = await client.verify({ identity: email, password });
      return found.kind === 'choices' ? client.pick(found.granted[0]) : found;
    },
    'credential-type': (client, data) => client.signIn({ type: 'email-password', data }),
    login: (client, { email, password }) => client.signIn({ username: email, password }),
  };
  let step;
  const tab = (globalThis.tab = {
    async begin(contract, person) {
      const store = webStore(sessionStorage, contract);
      tab.client = createClient({ url: '/', contract, fingerprint: 'this browser', store });
      tab.ended = [];
      tab.client.on('signed-out', (reason) => tab.ended.push(reason));
      step = await begin[contract](tab.client, person);
      return step.kind;
    },
    async prove(code) {
      const proven = await step.prove(code);
      return proven.reason ?? proven.kind;
    },
    status: (path) => tab.client.fetch(path).then(({ status }) => status, ({ reason }) => reason),
    kept: (contract) => sessionStorage.getItem(contract),
  });
</script>`;

const CONTRACTS = ['fingerprint', 'profile', 'role-picker', 'credential-type', 'login'] as const;
const DAY_SECONDS = 86_400;

describe.skipIf(!isBrowserThere)('in a browser', () => {
  let app: TestApp;
  let packed: PackedPackage;
  let site: Site;
  let browser: Browser;
  let tab: Page;
  beforeAll(async () => {
    app = await startApp('sqlite');
    packed = installPacked('client');
    site = await startSite({ api: app.url, page: PAGE, modules: join(packed.home, 'dist') });
    browser = await startBrowser();
    tab = await browser.open(site.url);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await app?.stop();
    packed?.remove();
  });

  const call = (method: string, ...args: readonly unknown[]) =>
    tab.evaluate(`tab.${method}(${args.map((each) => JSON.stringify(each)).join(', ')})`);
  const whoIs = async ({ id, email }: Person): Promise<boolean> => {
    const { account, email: address, id: own } = (await call('client.me')) as Record<string, unknown>;
    return account === id || address === email || own === id;
  };

  test.each(CONTRACTS)('a client of %s goes from the password to the sign-out', async (contract) => {
    const person = await app.person({ secondFactor: { email: true } });
    const { email, password } = person;
    expect(await call('begin', contract, { email, password: 'not the password' })).toBe('refused');
    expect(await call('begin', contract, { email, password })).toBe('second-factor');
    expect(await call('kept', contract)).toBe(null);
    expect(await call('prove', '000000')).toBe('invalid-code');
    expect(await call('prove', await app.mail.code(email))).toBe('signed-in');
    expect(await whoIs(person)).toBe(true);
    expect(await call('client.sessions')).toMatchObject([{ current: true, mount: contract }]);

    app.core.clock.advance(DAY_SECONDS + 1);
    if (contract === 'credential-type') {
      // It has nothing to refresh with.
      expect(await call('status', '/v1/session')).toBe(401);
    } else {
      expect(await call('status', '/v1/session')).toBe(200);
      expect(await whoIs(person)).toBe(true);
    }
    const kept = JSON.parse(String(await call('kept', contract))) as { accessToken: string };
    await call('client.signOut');
    expect(await tab.evaluate('tab.ended')).toEqual(['signed-out']);
    expect(await call('kept', contract)).toBe(null);
    const headers = { authorization: `Bearer ${kept.accessToken}` };
    expect((await app.request('GET', '/v1/session', { headers })).status).toBe(401);
    expect(await call('status', '/v1/session')).toBe('signed-out');
  });
});
