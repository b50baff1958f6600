import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/** Whether there is a browser. Where there is none, that is said. */
export const isBrowserThere = existsSync(CHROMIUM);
if (!isBrowserThere)
  process.stdout.write(`the tests in a browser are skipped: no ${CHROMIUM}, and no other in CHROMIUM_PATH\n`);

const ARGUMENTS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with a profile of its own. */
export interface Browser {
  /** A new tab, once what the page puts into `globalThis.tab` is there. */
  open(url: string): Promise<Page>;
  close(): Promise<void>;
}

/** Starts Chromium. */
export async function startBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'latchkey-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: ARGUMENTS,
  });
  return {
    async open(url) {
      const page = await context.newPage();
      await page.goto(url);
      await page.waitForFunction('globalThis.tab !== undefined');
      return page;
    },
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
