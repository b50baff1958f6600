import type { AddressInfo } from 'node:net';
import { type App, buildApp } from '../src/app.ts';
import { hashPassword } from '../src/crypto/password-hash.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from './core.ts';
import type { ENGINES } from './engines.ts';
import { type MailSink, startMailSink } from './mail-sink.ts';
import type { MovableClock } from './ports.ts';
import { type SmsProvider, startSmsProvider } from './sms-provider.ts';

/** An answer, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
  readonly text: string;
}

/** A person that was put into the directory. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly password: string;
}

/** The whole service, listening, with a store, a mail server and a provider of text messages of its own. */
export interface TestApp {
  readonly url: string;
  readonly core: TestCore;
  readonly app: App;
  readonly mail: MailSink;
  readonly sms: SmsProvider;
  request(
    method: string,
    path: string,
    options?: { body?: string; headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Posts JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  load(...objects: object[]): Promise<void>;
  /** Puts a person into the directory whom no other test knows. */
  person(fields?: Record<string, unknown>): Promise<Person>;
  /** Puts an organisation into the directory and gives its id. */
  organisation(fields?: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
}

let numbers = 0;

/** A number that no other call in this process has had. */
export function nextNumber(): number {
  numbers += 1;
  return numbers;
}

/** Starts it. @param settings more settings, as environment variables */
export async function startApp(
  engine: (typeof ENGINES)[number],
  settings: Readonly<Record<string, string>> = {},
  clock?: MovableClock,
): Promise<TestApp> {
  const [mail, sms] = [await startMailSink(), await startSmsProvider()];
  const core = await openTestCore(
    engine,
    {
      LATCHKEY_MAIL_URL: mail.url,
      LATCHKEY_SMS_URL: sms.url,
      ...settings,
    },
    clock,
  );
  let url = '';
  const app = await buildApp(core.config, { ...core, publicUrl: () => core.config.publicUrl ?? url });
  await app.server.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(app.server.server.address() as AddressInfo).port}`;

  const request: TestApp['request'] = async (method, path, options = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: options.headers ?? {},
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: asJson(text) };
  };
  const load: TestApp['load'] = (...objects) => loadDirectory(core, objects);

  return {
    url,
    core,
    app,
    mail,
    sms,
    request,
    load,
    post: (path, body, headers = {}) =>
      request('POST', path, {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    async person(fields = {}) {
      const number = nextNumber();
      const person = {
        id: uuid(number),
        username: `person${number}`,
        email: `person${number}@example.com`,
        password: `password of person ${number}`,
      };
      const { password = person.password, ...rest } = fields;
      // Hashed here: an import would start threads for it.
      const passwordHash = password === null ? null : hashPassword(String(password), core.config.hashing);
      const { password: _plain, ...known } = person;
      await load({ kind: 'account', emailValidated: true, ...known, passwordHash, ...rest });
      return { ...person, ...rest, ...(password === null ? {} : { password: String(password) }) };
    },
    async organisation(fields = {}) {
      const number = nextNumber();
      await load({ kind: 'organisation', id: uuid(number), name: `Organisation ${number}`, ...fields });
      return uuid(number);
    },
    async stop() {
      await app.close();
      await core.close();
      await mail.stop();
      await sms.stop();
    },
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
