import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../server/testing/app.ts';
import { installPacked, type PackedPackage } from '../../tools/packed-package.ts';
import { type Browser, isBrowserThere, startBrowser } from '../testing/browser.ts';
import { type Site, startSite } from '../testing/site.ts';

/** The clock of the page can be moved, so that both ways to find a token ended can be tested. */
const PAGE = `<!doctype html><title>tabs</title><script type="module">
  import { createClient, webStore } from '/client/index.js';
  const ended = [];
  let ahead = 0;
  const client = createClient({
    url: '/',
    contract: 'login',
    store: webStore(localStorage),
    now: () => Date.now() + ahead,
  });
  client.on('signed-out', (reason) => ended.push(reason));
  const at = async (time) => {
    await new Promise((resolve) => setTimeout(resolve, time - Date.now() - 5));
    while (Date.now() < time);
  };
  globalThis.tab = {
    client,
    ended,
    locks: 'locks' in navigator,
    skip: (seconds) => { ahead += seconds * 1000; },
    async signOutAt(time) {
      await at(time);
      await client.signOut();
    },
    async callAt(time, calls) {
      await at(time);
      const answers = await Promise.all(Array.from({ length: calls }, () => client.fetch('/v1/session')));
      return answers.map(({ status }) => status);
    },
  };
</script>`;

const ROUNDS = 25;
const CALLS = 5;
const ACCESS_SECONDS = 3600;
/** For slow machines: it takes a few seconds elsewhere. */
const TIMEOUT_MILLISECONDS = 120_000;

describe.skipIf(!isBrowserThere)('two tabs of one browser', () => {
  let app: TestApp;
  let installed: PackedPackage;
  let site: Site;
  let browser: Browser;
  let tabs: readonly [Page, Page];
  let username: string;
  let password: string;
  let accountId: string;

  beforeAll(async () => {
    // The shortest grace: a tab that comes with the token of the time before would soon be a thief.
    app = await startApp('sqlite', { LATCHKEY_REFRESH_GRACE_SECONDS: '1' });
    installed = installPacked('client');
    site = await startSite({ api: app.url, page: PAGE, modules: join(installed.home, 'dist') });
    browser = await startBrowser();
    tabs = [await browser.open(site.url), await browser.open(site.url)];
    const person = await app.person();
    username = person.username;
    password = person.password;
    accountId = person.id;
    await signIn(tabs[0]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await app?.stop();
    installed?.remove();
  });

  async function signIn(tab: Page): Promise<void> {
    const result = await tab.evaluate(`tab.client.signIn(${JSON.stringify({ username, password })})`);
    expect(result).toMatchObject({ kind: 'signed-in' });
    await everyTabStores(1);
  }
  /** What one tab writes into the storage, its browser tells the others a moment later. */
  async function everyTabStores(entries: number): Promise<void> {
    for (const tab of tabs) await tab.waitForFunction(`localStorage.length === ${entries}`);
  }
  const liveSessions = () => app.core.store.sessions.liveOf(accountId, app.core.clock.now());
  const refreshes = () => site.count('/auth/refresh-token');
  /** Both tabs call at the same moment. */
  const callTogether = () => {
    const time = Date.now() + 60;
    return Promise.all(tabs.map((tab) => tab.evaluate(`tab.callAt(${time}, ${CALLS})`)));
  };
  const everyone = [new Array(CALLS).fill(200), new Array(CALLS).fill(200)];

  test('share a session', async () => {
    expect(await tabs[1].evaluate('tab.locks')).toBe(true);
    expect(await tabs[1].evaluate('tab.client.me()')).toMatchObject({ username });
  });

  test('refresh once, however often both find the token ended by a 401', {
    timeout: TIMEOUT_MILLISECONDS,
  }, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = refreshes();
      app.core.clock.advance(ACCESS_SECONDS + 1);
      expect(await callTogether()).toEqual(everyone);
      expect(refreshes() - before).toBe(1);
    }
  });

  test('refresh once, however often both see that the token ends', {
    timeout: TIMEOUT_MILLISECONDS,
  }, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = refreshes();
      app.core.clock.advance(ACCESS_SECONDS + 1);
      for (const tab of tabs) await tab.evaluate(`tab.skip(${ACCESS_SECONDS + 1})`);
      expect(await callTogether()).toEqual(everyone);
      expect(refreshes() - before).toBe(1);
    }
  });

  test('are still signed in after that, and a third one too', async () => {
    const third = await browser.open(site.url);
    for (const tab of [...tabs, third]) {
      expect(await tab.evaluate('tab.client.me()')).toMatchObject({ username });
      expect(await tab.evaluate('tab.ended')).toEqual([]);
    }
    await third.close();
  });

  test('send a body again after a 401', async () => {
    const before = refreshes();
    const send = `tab.client.fetch('/v1/challenges/resend', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ challenge_token: 'nothing' }),
    }).then((response) => response.json())`;
    // Without its body it would have been a bad request.
    expect(await tabs[0].evaluate(send)).toMatchObject({ error: { code: 'invalid-ticket' } });
    expect(site.count('/v1/challenges/resend')).toBe(2);
    expect(refreshes() - before).toBe(1);
  });

  test('are signed out by one of them, though the other refreshes at that moment', {
    timeout: TIMEOUT_MILLISECONDS,
  }, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      app.core.clock.advance(ACCESS_SECONDS + 1);
      const [one, other] = round % 2 === 0 ? tabs : [tabs[1], tabs[0]];
      const time = Date.now() + 60;
      const call = `tab.callAt(${time}, ${CALLS}).catch(({ reason }) => reason)`;
      await Promise.all([one.evaluate(`tab.signOutAt(${time + (round % 5)})`), other.evaluate(call)]);
      await everyTabStores(0);
      for (const tab of tabs) expect(await tab.evaluate('tab.client.isSignedIn()')).toBe(false);
      expect(await liveSessions()).toEqual([]);
      await signIn(one);
      expect(await other.evaluate('tab.client.me()')).toMatchObject({ username });
    }
    for (const tab of tabs) await tab.evaluate('tab.ended.splice(0)');
  });

  test('are signed out together', async () => {
    await tabs[0].evaluate('tab.client.signOut()');
    await everyTabStores(0);
    const other = await tabs[1].evaluate('tab.client.me().catch(({ name, reason }) => ({ name, reason }))');
    expect(other).toEqual({ name: 'SignedOutError', reason: 'elsewhere' });
    expect(await Promise.all(tabs.map((tab) => tab.evaluate('tab.ended')))).toEqual([
      ['signed-out'],
      ['elsewhere'],
    ]);
  });
});
