import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SMTPServer } from 'smtp-server';
import { hashPassword } from '../../server/src/crypto/password-hash.ts';
import { SEED } from '../../server/testing/totp.ts';
import { INSTALLATION, type KnownPerson, PASSWORD } from './kept-values.ts';

const PROGRAM = fileURLToPath(new URL('../../node_modules/.bin/latchkey', import.meta.url));

/** The server that is tried, in a process of its own, with everybody it knows. */
export interface Subject {
  readonly url: string;
  readonly pid: number;
  readonly people: readonly KnownPerson[];
  /** The signal or code that it ended with; null while it runs. */
  ended(): string | null;
  /** What it wrote of level error and above. */
  errors(): string[];
  stop(): Promise<void>;
}

/** Hashing is cheap and limits are high, so that requests reach what is behind them. */
const SETTINGS: Readonly<Record<string, string>> = {
  LATCHKEY_LISTEN_PORT: '0',
  LATCHKEY_LISTEN_DRAIN_MILLISECONDS: '0',
  LATCHKEY_LOG_LEVEL: 'warn',
  LATCHKEY_HASHING_MEMORY_KIB: '64',
  LATCHKEY_HASHING_PASSES: '1',
  LATCHKEY_SIGN_IN_REFUSAL_MILLISECONDS: '0',
  LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
  LATCHKEY_SIGN_IN_LOCK_SECONDS: '1',
  LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":100000,"seconds":1}',
  LATCHKEY_SIGN_IN_ASKS_PER_ADDRESS: '{"count":100000,"seconds":1}',
  LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_SOURCE: '100000',
  LATCHKEY_MAIL_LIMIT_PROVEN_PER_SOURCE: '100000',
  LATCHKEY_SMS_LIMIT_PER_SOURCE: '100000',
  LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
  LATCHKEY_SIGN_UP_ENABLED: 'true',
  LATCHKEY_MOUNTS: JSON.stringify([
    { contract: 'fingerprint' },
    { contract: 'profile', allowSignUp: true },
    { contract: 'role-picker' },
    { contract: 'credential-type', allowSignUp: true, allowUnattestedDevices: true },
    { contract: 'login' },
  ]),
};

/**
 * Starts it.
 * @param count how many people it knows
 * @param storeUrl a store that nobody has used; a new embedded one where none is given
 * @param onMailed is told of each code that it mails
 */
export async function startSubject(
  count: number,
  storeUrl: string | null,
  onMailed: (address: string, code: string) => void,
): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-fuzz-'));
  const mail = await startMailbox(onMailed);
  const provider = await startProvider();
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LATCHKEY_'))),
    ...SETTINGS,
    LATCHKEY_MAIL_URL: mail.url,
    LATCHKEY_SMS_URL: provider.url,
    LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
    ...(storeUrl === null ? {} : { LATCHKEY_STORE_URL: storeUrl }),
  };
  const run = (args: string[], input = '') =>
    execFileSync(PROGRAM, args, { cwd: directory, env, input, stdio: ['pipe', 'ignore', 'inherit'] });
  const people = peopleOf(count);
  run(['migrate']);
  run(['import', '-'], directoryOf(people));

  const logPath = join(directory, 'log');
  const log = openSync(logPath, 'w');
  const child = spawn(PROGRAM, ['serve'], { cwd: directory, env, stdio: ['ignore', log, 'pipe'] });
  closeSync(log);
  let ended: string | null = null;
  const exit = new Promise<void>((resolve) =>
    child.once('exit', (code, signal) => {
      ended = String(signal ?? code);
      resolve();
    }),
  );
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-10_000);
      const listening = /listening on (http:\S+)/.exec(said)?.[1];
      if (listening !== undefined) resolve(listening);
    });
    void exit.then(() => reject(new Error(`the server did not start: ${said}`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    people,
    ended: () => ended,
    errors: () =>
      readFileSync(logPath, 'utf8')
        .split('\n')
        .filter((line) => /"level":(50|60)\b/.test(line)),
    async stop() {
      child.kill('SIGTERM');
      await exit;
      mail.stop();
      provider.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const idOf = (kind: number, index: number) =>
  `00000000-0000-4000-${kind}000-${String(index).padStart(12, '0')}`;

function peopleOf(count: number): KnownPerson[] {
  return Array.from({ length: count }, (_, index) => ({
    id: idOf(8, index),
    username: `person${index}`,
    email: `person${index}@example.com`,
    phone: `+346${String(10_000_000 + index)}`,
  }));
}

/** Six kinds of people, in turn, and what they need. */
function directoryOf(people: readonly KnownPerson[]): string {
  const passwordHash = hashPassword(PASSWORD, { memoryKib: 64, passes: 1, parallelism: 1 });
  const kinds: readonly object[] = [
    {},
    { secondFactor: { totp: SEED } },
    { secondFactor: { email: true } },
    { recogniseDevices: true, devices: ['a known device'] },
    { role: 'reader' },
    { emailValidated: false },
  ];
  const organisations = [0, 1].map((index) => ({
    kind: 'organisation',
    id: idOf(9, index),
    name: `Organisation ${index}`,
  }));
  const objects = [
    ...['reader', 'keeper'].map((name) => ({ kind: 'role', name, permissions: [`${name}:all`] })),
    ...organisations,
    ...people.map((person, index) => ({
      kind: 'account',
      emailValidated: true,
      passwordHash,
      user: { name: person.username },
      ...person,
      ...kinds[index % kinds.length],
    })),
    ...people.flatMap(({ id }, index) =>
      index % 6 === 4
        ? organisations.map((organisation) => ({
            kind: 'membership',
            account: id,
            organisation: organisation.id,
            role: 'keeper',
          }))
        : [],
    ),
    { kind: 'installation', installationId: INSTALLATION, passwordHash },
    { kind: 'resource', context: 'a', code: 'b', uses: 1_000_000 },
  ];
  return objects.map((object) => JSON.stringify(object)).join('\n');
}

/** Takes every mail, and keeps nothing but the code in it. */
async function startMailbox(
  onMailed: (address: string, code: string) => void,
): Promise<{ url: string; stop: () => void }> {
  const server = new SMTPServer({
    authOptional: true,
    onData(stream, session, done) {
      let text = '';
      stream.on('data', (piece: Buffer) => {
        text += piece.toString('latin1');
      });
      stream.on('end', () => {
        const code = /\b\d{6}\b/.exec(text.slice(text.indexOf('\r\n\r\n')))?.[0];
        for (const { address } of session.envelope.rcptTo) if (code !== undefined) onMailed(address, code);
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, stop: () => server.close() };
}

/** Takes every text message. */
async function startProvider(): Promise<{ url: string; stop: () => void }> {
  const server = createServer((request, response) => {
    request.resume();
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, stop: () => server.close() };
}
