import { hashPassword } from '../../server/src/crypto/password-hash.ts';
import { uuid } from '../../server/testing/core.ts';
import { freePort } from '../../server/testing/postgres.ts';
import { type Finished, makeWorkplace, type RunningServer } from '../../server/testing/process.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';

/** Everybody's. */
export const PASSWORD = 'the password of everybody here';
const PASSWORD_HASH = hashPassword(PASSWORD, { memoryKib: 256, passes: 1, parallelism: 1 });

/** The tokens of a session at `login`. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** A real server in a process of its own, on a store of its own, behind a proxy that can lose connections. */
export interface RealServer {
  /** Its `publicUrl`: the proxy's address. */
  readonly issuer: string;
  readonly proxy: CuttingProxy;
  /** The credential of the resource server that was added. */
  readonly credential: string;
  /** Runs a command on its store; what it prints. */
  command(...args: readonly string[]): Promise<string>;
  /** Posts JSON to the server itself, not through the proxy. */
  post(path: string, body: object, headers?: Record<string, string>): Promise<Response>;
  /** Signs somebody in at `login`. @param person a number below 20 */
  signIn(person: number, prefix?: string): Promise<Tokens>;
  signOut(token: string): Promise<void>;
  /** Kills it as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again, on the same store and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one with twenty people in it. @param settings more settings, as environment variables */
export async function startRealServer(settings: Readonly<Record<string, string>> = {}): Promise<RealServer> {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const proxy = await startCuttingProxy(() => address);
  const work = makeWorkplace({
    LATCHKEY_LISTEN_PORT: String(port),
    LATCHKEY_PUBLIC_URL: proxy.url,
    ...settings,
  });
  let server: RunningServer | null = null;

  async function command(...args: readonly string[]): Promise<string> {
    return printed(await work.run(args));
  }
  function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
    const sent = { 'content-type': 'application/json', ...headers };
    return fetch(address + path, { method: 'POST', headers: sent, body: JSON.stringify(body) });
  }
  async function start(): Promise<void> {
    server = await work.serve();
  }

  await command('migrate');
  printed(await work.run(['import', '-'], { input: people() }));
  const { credential } = JSON.parse(await command('resource-server', 'add', 'a-service', '--json'));
  await start();
  return {
    issuer: proxy.url,
    proxy,
    credential,
    command,
    post,
    async signIn(person, prefix = '') {
      const answer = await post(`${prefix}/auth/login`, { username: `person${person}`, password: PASSWORD });
      if (answer.status !== 200) throw new Error(`signing in was answered ${answer.status}`);
      return (await answer.json()) as Tokens;
    },
    async signOut(token) {
      const answer = await post('/auth/logout', {}, { authorization: `Bearer ${token}` });
      if (answer.status >= 300) throw new Error(`signing out was answered ${answer.status}`);
    },
    async kill() {
      await server?.end('SIGKILL');
    },
    start,
    async stop() {
      await server?.end('SIGKILL');
      await proxy.stop();
      work.remove();
    },
  };
}

function people(): string {
  const accounts = Array.from({ length: 20 }, (_, index) => ({
    kind: 'account',
    id: uuid(index + 1),
    username: `person${index}`,
    email: `person${index}@example.com`,
    passwordHash: PASSWORD_HASH,
    emailValidated: true,
    user: { name: `Person ${index}` },
  }));
  const others = [
    { kind: 'organisation', id: uuid(101), name: 'Meadow University' },
    { kind: 'role', name: 'Student', permissions: [], admin: null },
    { kind: 'membership', account: uuid(1), organisation: uuid(101), role: 'Student' },
    { kind: 'resource', context: 'c', code: 'CODE' },
  ];
  return [...accounts, ...others].map((line) => JSON.stringify(line)).join('\n');
}

function printed({ code, stdout, stderr }: Finished): string {
  if (code !== 0) throw new Error(`the command ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}
