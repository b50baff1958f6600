import type { AddressInfo } from 'node:net';
import type { Command } from 'commander';
import { type App, buildApp } from '../app.ts';
import type { Configuration } from '../config.ts';
import { type Core, openCore } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { createLog, type ProcessLog } from '../log.ts';
import { startTracing } from '../observability/tracing.ts';
import type { Log } from '../ports.ts';
import { version } from '../version.ts';
import { command, configurationOf, note } from './command.ts';

/** `latchkey serve` */
export function serveCommand(): Command {
  return command('serve', 'serve the mounted contracts until SIGTERM or SIGINT').action(
    async (_options: object, called: Command) => {
      await serve(configurationOf(called), {
        prepare: async () => undefined,
        onListening: async () => undefined,
      });
    },
  );
}

/** What else a server that starts does. */
export interface ServeSteps {
  /** Before it listens, with the store open. */
  readonly prepare: (core: Core) => Promise<void>;
  /** Once it listens, with its address. */
  readonly onListening: (url: string) => Promise<void>;
}

/** Serves until the process is told to stop, then finishes what is in flight. */
export async function serve(config: Configuration, steps: ServeSteps): Promise<void> {
  const processLog = createLog(config.log.level);
  const { log } = processLog;
  const { url, sampleRatio } = config.tracing;
  const endTracing = url === undefined ? null : await startTracing({ url, sampleRatio, version });
  const core = await openCore(config, log);
  let publicUrl = config.publicUrl;
  await steps.prepare(core);
  const app = await buildApp(config, { ...core, publicUrl: () => publicUrl ?? '' });
  const stopped = waitForStop();
  try {
    const url = await listen(app, config);
    publicUrl ??= url;
    await warn(config, core, log);
    if (!process.stdout.isTTY) note(`listening on ${url}`);
    // The words in the log end with a space, so that whoever looks for the address there finds its end.
    log.info(
      { mounts: config.mounts.map((mount) => mount.name) },
      `listening on ${url} (${config.store.url.split(':')[0]})`,
    );
    await steps.onListening(url);
    log.info({ signal: await stopped.signal }, 'stopping: finishing what is in flight');
    app.drain();
    await new Promise((resolve) => setTimeout(resolve, config.listen.drainMilliseconds));
  } finally {
    await endTracing?.();
    await stop(app, core, processLog);
    stopped.forget();
  }
  // A connection to a mail server that says nothing would keep the process.
  process.exit(0);
}

async function stop(app: App, core: Core, { log, flush }: ProcessLog): Promise<void> {
  await app.close();
  await core.store.close();
  log.info({}, 'stopped');
  flush();
}

async function listen(app: App, config: Configuration): Promise<string> {
  const { host, port } = config.listen;
  try {
    await app.server.listen({ host, port });
  } catch (error) {
    throw new OperatorError(
      `cannot listen on ${host}:${port}: ${listenProblem(error as NodeJS.ErrnoException)}`,
    );
  }
  const bound = app.server.server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}`;
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

/** The signal to stop. Whatever comes after it is the same wish again: a terminal's ^C reaches npm and the server alike. */
function waitForStop(): { signal: Promise<string>; forget: () => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  process.on('SIGTERM', resolve);
  process.on('SIGINT', resolve);
  return {
    signal: promise,
    forget() {
      process.off('SIGTERM', resolve);
      process.off('SIGINT', resolve);
    },
  };
}
