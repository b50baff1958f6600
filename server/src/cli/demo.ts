import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Configuration } from '../config.ts';
import type { Core } from '../core.ts';
import { importDirectory } from '../directory/import.ts';
import { readLines } from '../directory/read-lines.ts';
import { OperatorError } from '../errors.ts';
import { replaceFact, stateFact } from '../store/facts.ts';
import { command, configurationOf, note } from './command.ts';
import { print } from './output.ts';
import { serve } from './serve.ts';

const DIRECTORY = fileURLToPath(new URL('../../demo/directory.jsonl', import.meta.url));

/** The password of everybody in the demo directory, but for the one person who has two. */
const PASSWORD = 'correct horse battery staple';

interface Example {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

/** A sign-in of each contract that works with the demo directory, again and again. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  fingerprint: [
    {
      path: '/identity/sign-in',
      headers: { 'x-fingerprint-id': 'demo-device' },
      body: { username: 'ada', password: PASSWORD },
    },
  ],
  profile: [{ path: '/api/v1/auths/sign-in', body: { email: 'ada@example.com', password: PASSWORD } }],
  'role-picker': [
    { path: '/auth/sign-in-verify', body: { identity: 'finn', password: 'the university password' } },
  ],
  'credential-type': [
    {
      path: '/api/v1/auth/sign-in',
      body: { type: 'email-password', data: { email: 'ada@example.com', password: PASSWORD } },
    },
    {
      path: '/api/v1/auth/sign-in',
      body: { type: 'resource', data: { resource: 'voucher::context::code::A1B2C3' } },
    },
    {
      path: '/api/v1/auth/sign-in',
      body: {
        type: 'mobile-device',
        data: {
          installationId: 'demo-installation-0000000000000001',
          password: 'demo-installation-password-0000000001',
        },
      },
    },
  ],
  login: [{ path: '/auth/login', body: { username: '+34 600 111 222', password: PASSWORD } }],
};

/** `latchkey demo` */
export function demoCommand(): Command {
  return command('demo', 'serve with a directory of invented people, loaded on the first run').action(
    async (_options: object, called: Command) => {
      // It prints what its one process has made and where it listens.
      const config = { ...configurationOf(called), workers: 1 };
      await serve(config, { prepare: loadDemoDirectory, onListening: (url) => printExamples(config, url) });
    },
  );
}

/** How far the store is with the demo directory: it may be ended in the middle of the first load. */
const DEMO_FACT = 'demo-directory';

/** Fills a store that has nobody in it, and one that it had begun to fill. Any other is left as it is. */
async function loadDemoDirectory(core: Core): Promise<void> {
  const { store } = core;
  const known = await store.facts.value(DEMO_FACT);
  if (known === 'loaded' || (known === null && (await store.accounts.count()) > 0)) return;
  if (known === null) await store.commit([stateFact(DEMO_FACT, 'loading')]);
  const report = await importDirectory(core, readLines(DIRECTORY, createReadStream(DIRECTORY)), {
    dryRun: false,
  });
  const [refused] = report.refused;
  if (refused)
    throw new OperatorError(`the demo directory is broken in line ${refused.lineNumber}: ${refused.reason}`);
  await store.commit([replaceFact(DEMO_FACT, 'loading', 'loaded')]);
  note(`loaded the demo directory: ${report.created} objects`);
}

async function printExamples(config: Configuration, url: string): Promise<void> {
  for (const { contract, prefix, name } of config.mounts) {
    await print(`\n${name}: ${contract.title}\n`);
    for (const example of EXAMPLES[contract.name] ?? []) await print(`${curlLine(url + prefix, example)}\n`);
  }
  await print(`\nThe API, described: ${url}/docs\n`);
}

/** One line that can be pasted into a shell. */
function curlLine(base: string, { path, headers = {}, body }: Example): string {
  const all = { 'content-type': 'application/json', ...headers };
  const headerArguments = Object.entries(all).map(([name, value]) => `-H '${name}: ${value}'`);
  return ['curl', '-sS', ...headerArguments, '-d', `'${JSON.stringify(body)}'`, `${base}${path}`].join(' ');
}
