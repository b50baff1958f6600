import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { startApp } from '../../testing/app.ts';
import { canary, canaryDirectory, recordCanaries } from '../../testing/canaries.ts';
import { type Journey, travel } from '../../testing/canary-journey.ts';
import { ENGINES } from '../../testing/engines.ts';
import { startMailSink } from '../../testing/mail-sink.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { makeWorkplace } from '../../testing/process.ts';
import { remoteServer } from '../../testing/remote.ts';
import { findSecrets, type Secret } from '../../testing/secrets.ts';
import { STEP_CONTRACTS } from '../../testing/steps.ts';
import { dumpStore } from '../../testing/store-dump.ts';

const SHARED_SECRET = canary('shared secret of a mount');
const SETTINGS = {
  LATCHKEY_SIGN_UP_ENABLED: 'true',
  LATCHKEY_MOUNTS: JSON.stringify([
    ...STEP_CONTRACTS.map((contract) => ({ contract })),
    { contract: 'login', prefix: '/shared', algorithm: 'HS256', secret: SHARED_SECRET },
  ]),
};

function expectClean(places: Readonly<Record<string, string | Buffer>>, secrets: readonly Secret[]): void {
  for (const [place, content] of Object.entries(places)) {
    expect(content.length, place).toBeGreaterThan(100);
    expect(findSecrets(content, secrets), place).toEqual([]);
  }
}

/** In no answer and no mail, but the one that the secret was for. */
function expectOnlyWhereMeant({ server, mail }: Journey): void {
  const answers = new Map(server.answers.map((each) => [`${each.shows.length} ${each.text}`, each]));
  for (const { request, text, shows } of answers.values()) {
    const others = server.secrets.filter((secret) => !shows.some(({ text: shown }) => shown === secret.text));
    expect(findSecrets(text, others), request).toEqual([]);
  }
  for (const delivered of mail.delivered) {
    const own = delivered.recipients.map((recipient) => `code for ${recipient}`);
    const others = server.secrets.filter(({ what }) => !own.includes(what));
    expect(findSecrets(JSON.stringify(delivered), others), delivered.subject).toEqual([]);
  }
}

describe.each(ENGINES)('LG-1: no secret lies about, on %s', (engine) => {
  test('in what is logged, answered, mailed and stored', { timeout: 120_000 }, async () => {
    const directory = canaryDirectory();
    const key = randomBytes(32).toString('base64');
    const settings = { ...SETTINGS, LATCHKEY_SECRETS_KEY: key };
    const app = await startApp(engine, { ...settings, LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
    onTestFinished(() => app.stop());
    await app.load(...directory.lines);
    const known = [...directory.secrets, ...operatorSecrets(key)];
    const storeUrl = app.core.config.store.url;
    const journey: Journey = {
      server: recordCanaries(app, known),
      directory,
      mail: app.mail,
      storeUrl,
      now: () => app.core.clock.now(),
      advance: (seconds) => app.core.clock.advance(seconds),
    };
    const waiting = await travel(journey);
    expectOnlyWhereMeant(journey);
    const log = JSON.stringify(app.core.log.lines);
    expect(log).toContain('"level":"debug"');
    expect(log).toContain('a request failed');
    expectClean(
      { log, 'the store, while codes wait': waiting, 'the store': await dumpStore(storeUrl) },
      journey.server.secrets,
    );
  });

  test('in what a process prints at its most talkative', { timeout: 120_000 }, async () => {
    const directory = canaryDirectory();
    const mail = await startMailSink();
    onTestFinished(() => mail.stop());
    const key = randomBytes(32).toString('base64');
    const postgres = engine === 'postgres' ? await createDatabase(inject('postgresUrl')) : null;
    const settings = { ...SETTINGS, LATCHKEY_SECRETS_KEY: key, LATCHKEY_MAIL_URL: mail.url };
    const work = makeWorkplace({
      ...settings,
      ...(postgres === null ? {} : { LATCHKEY_STORE_URL: postgres }),
      LATCHKEY_LOG_LEVEL: 'trace',
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
    });
    onTestFinished(() => work.remove());
    const storeUrl = postgres ?? `sqlite:${work.directory}/data/latchkey.db`;
    await work.run(['migrate']);
    const input = directory.lines.map((line) => JSON.stringify(line)).join('\n');
    const imported = await work.run(['import', '-'], { input });
    expect(imported.code, imported.stderr).toBe(0);
    // The same again, and what is no line: what an import says of either.
    const refused = await work.run(['import', '-'], {
      input: `${input.replaceAll('"kind"', '"sort"')}\n${input.slice(0, -5)}`,
    });
    expect(refused.code).toBe(1);
    const running = await work.serve();
    const journey: Journey = {
      server: recordCanaries(remoteServer(running.url), [...directory.secrets, ...operatorSecrets(key)]),
      directory,
      mail,
      storeUrl,
      now: () => Date.now(),
      advance: () => undefined,
    };
    const added = await work.run(['resource-server', 'add', 'canary']);
    const credential = added.stdout.trim();
    journey.server.secrets.push({ what: 'credential of a resource server', text: credential });
    const headers = { authorization: `Bearer ${credential}` };
    const following = get(`${running.url}/v1/revocations`, { headers });
    const [{ statusCode }] = await once(following, 'response');
    expect(statusCode).toBe(200);
    const waiting = await travel(journey);
    following.destroy();
    expectOnlyWhereMeant(journey);
    const audit = await work.run(['audit', '--json']);
    const shown = await work.run(['account', 'show', directory.who('plain-login').email, '--json']);
    const checked = await work.run(['doctor']);
    const { stdout, stderr } = await running.end('SIGTERM');
    const said = [imported, refused, checked, { ...added, stdout: '' }, { stdout: stderr, stderr: '' }]
      .map((each) => `${each.stdout}\n${each.stderr}`)
      .join('\n');
    expect(stdout).toContain('"level":20');
    expect(stdout).toContain('a request failed');
    expectClean(
      {
        'the log': stdout,
        'the store, while codes wait': waiting,
        'the store, when all has ended': await dumpStore(storeUrl),
        'the audit log': audit.stdout,
        'what is shown of an account': shown.stdout,
        'what is said of the rest': said,
      },
      journey.server.secrets,
    );
  });
});

function operatorSecrets(key: string): Secret[] {
  return [
    { what: 'secrets.key', text: key },
    { what: 'the bytes of secrets.key', text: Buffer.from(key, 'base64') },
    { what: 'shared secret of a mount', text: SHARED_SECRET },
  ];
}
