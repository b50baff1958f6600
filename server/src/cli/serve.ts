import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { type Command, InvalidArgumentError } from 'commander';
import { type App, buildApp } from '../app.ts';
import { type Configuration, mountsCutShort } from '../config.ts';
import { type Core, openCore } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { createLog, type ProcessLog } from '../log.ts';
import { type EndTracing, startTracing } from '../observability/tracing.ts';
import { MOST_WORKERS } from '../operations-schema.ts';
import type { Log, Worker } from '../ports.ts';
import { version } from '../version.ts';
import { command, configurationOf, note } from './command.ts';
import { stopSignal } from './stop-signal.ts';
import { keepWorkers, ownPlace } from './workers.ts';

/** `latchkey serve` */
export function serveCommand(): Command {
  return command('serve', 'serve the mounted contracts until SIGTERM or SIGINT')
    .option('--workers <number>', 'processes that serve together on one port (default: 1)', numberOfWorkers)
    .action(async ({ workers }: { workers?: number }, called: Command) => {
      const configured = configurationOf(called);
      const config = { ...configured, workers: workers ?? configured.workers };
      if (config.workers === 1) await serve(config, NOTHING_ELSE);
      else if (cluster.isPrimary) await serveByWorkers(config);
      else {
        const isFirst = cluster.worker?.id === 1;
        await serve(config, NOTHING_ELSE, { count: config.workers, place: ownPlace(), isFirst });
      }
    });
}

function numberOfWorkers(text: string): number {
  const isNumber = /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_WORKERS;
  if (!isNumber) throw new InvalidArgumentError(`It must be a number from 1 to ${MOST_WORKERS}.`);
  return Number(text);
}

/** What else a server that starts does. */
export interface ServeSteps {
  /** Before it listens, with the store open. */
  readonly prepare: (core: Core) => Promise<void>;
  /** Once it listens, with its address. */
  readonly onListening: (url: string) => Promise<void>;
}

const NOTHING_ELSE: ServeSteps = { prepare: async () => undefined, onListening: async () => undefined };

/**
 * Serves until the process is told to stop, then finishes what is in flight.
 * @param worker what it is beside others; without it, it is the whole server
 */
export async function serve(config: Configuration, steps: ServeSteps, worker?: Worker): Promise<void> {
  collectWhenDoubled();
  const processLog = createLog(config.log.level);
  const { log } = processLog;
  const { url, sampleRatio } = config.tracing;
  const endTracing = url === undefined ? null : await startTracing({ url, sampleRatio, version });
  const core = await openCore(config, log);
  let publicUrl = config.publicUrl;
  await steps.prepare(core);
  const ports = { ...core, publicUrl: () => publicUrl ?? '', ...(worker && { worker }) };
  const app = await buildApp(config, ports);
  try {
    const url = addressOf(config, await listen(app, config));
    publicUrl ??= url;
    if (worker?.isFirst !== false) await warn(config, core, log);
    if (worker === undefined) announce(config, url, log);
    await steps.onListening(url);
    log.info({ signal: await stopSignal() }, 'stopping: finishing what is in flight');
    app.drain();
    await new Promise((resolve) => setTimeout(resolve, config.listen.drainMilliseconds));
  } finally {
    await stop(app, core, processLog, endTracing);
  }
  // A connection to a mail server that says nothing would keep the process.
  process.exit(0);
}

/**
 * V8 lets what is old grow fourfold before it looks for garbage there: 18 MiB of a server under load to 75. Not an option of the
 * command line, which a Node.js that has it no more would refuse; here it would go without.
 */
function collectWhenDoubled(): void {
  setFlagsFromString('--heap-growing-percent=100');
}

/** Serves by several processes: this one looks after them. */
async function serveByWorkers(config: Configuration): Promise<void> {
  const { log, flush } = createLog(config.log.level);
  const exitCode = await keepWorkers(config, {
    log,
    stopSignal: stopSignal(),
    onListening: (port) => announce(config, addressOf(config, port), log),
  });
  log.info({}, 'all workers have stopped');
  flush();
  process.exit(exitCode);
}

/** The levels at which the log says where the server listens. */
const TELLING_LEVELS: ReadonlySet<string> = new Set(['info', 'debug', 'trace']);

/** Says where the server listens. The words in the log end with a space, so that whoever looks for the address there finds its end. */
function announce(config: Configuration, url: string, log: Log): void {
  // On a terminal the log is read by the same person, unless it is kept back.
  if (!process.stdout.isTTY || !TELLING_LEVELS.has(config.log.level)) note(`listening on ${url}`);
  const mounts = config.mounts.map((mount) => mount.name);
  const workers = config.workers > 1 ? { workers: config.workers } : {};
  log.info({ mounts, ...workers }, `listening on ${url} (${config.store.url.split(':')[0]})`);
}

async function stop(
  app: App,
  core: Core,
  { log, flush }: ProcessLog,
  endTracing: EndTracing | null,
): Promise<void> {
  await app.close();
  await core.store.close();
  // Last, and whatever becomes of it: nobody's answer hangs on a collector.
  const problem = await endTracing?.();
  if (problem) log.warn({ error: problem }, 'the last spans were not sent');
  log.info({}, 'stopped');
  flush();
}

/** @returns the port that it listens on */
async function listen(app: App, config: Configuration): Promise<number> {
  const { host, port } = config.listen;
  try {
    await app.server.listen({ host, port });
  } catch (error) {
    throw new OperatorError(
      `cannot listen on ${host}:${port}: ${listenProblem(error as NodeJS.ErrnoException)}`,
    );
  }
  return (app.server.server.address() as AddressInfo).port;
}

function addressOf({ listen: { host } }: Configuration, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function listenProblem(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE')
    return 'the port is taken. Stop what has it, or set listen.port (LATCHKEY_LISTEN_PORT).';
  if (error.code === 'EACCES') return 'this user may not take that port. Set listen.port to one above 1023.';
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return 'this machine has no such address. Set listen.host.';
  return error.message;
}

/** What an operator should know about this configuration, once at start. */
async function warn(config: Configuration, core: Core, log: Log): Promise<void> {
  const newer = await core.store.requireCurrentSchema();
  if (newer.length > 0)
    log.warn({ migrations: newer }, 'the schema is newer than this version, which can live with that');
  for (const mount of mountsCutShort(config)) {
    log.warn(
      { mount: mount.name, maxSeconds: config.session.maxSeconds },
      'the mount’s tokens end before their time, with the session; set session.maxSeconds no less than they are to live, or leave it out',
    );
  }
  for (const mount of config.mounts) {
    if (mount.contract.revealsUnknownIdentity && !mount.hideUnknownIdentity) {
      log.warn(
        { mount: mount.name },
        'this contract tells whether an identity exists, as its documents say; set the mount’s hideUnknownIdentity to end that',
      );
    }
    if (mount.organisation !== null && (await core.store.organisations.byId(mount.organisation)) === null) {
      log.warn(
        { mount: mount.name, organisation: mount.organisation },
        'the mount’s organisation is not in the directory: nobody can sign in there',
      );
    }
  }
  const { memoryKib, passes } = config.hashing;
  if (memoryKib * passes < 2 * 19_456)
    log.warn({ memoryKib, passes }, 'passwords are hashed with less work than OWASP ASVS 11.4.2 asks for');
}
