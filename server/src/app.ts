import { availableParallelism } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { Configuration } from './config.ts';
import { nativeContract } from './contracts/index.ts';
import { HashPool } from './crypto/hash-pool.ts';
import { decoyHash } from './crypto/password-hash.ts';
import { secretHash, type Vault } from './crypto/vault.ts';
import { type Delivery, startDelivery } from './delivery/delivery.ts';
import type { Wording } from './delivery/wording.ts';
import { relyingPartyOf } from './factors/relying-party.ts';
import { createWebauthn, type Webauthn } from './factors/webauthn.ts';
import { registerContractRoutes } from './http/contract-routes.ts';
import { closeGracefully } from './http/graceful-close.ts';
import { registerMetricsRoute } from './http/metrics-route.ts';
import { registerRevocationRoute } from './http/revocation-route.ts';
import { createServer } from './http/server.ts';
import { trackSilentConnections } from './http/silent-connections.ts';
import { registerSystemRoutes } from './http/system-routes.ts';
import { startJobs } from './jobs.ts';
import { type Limits, openLimits } from './limits/limits.ts';
import { Spacing } from './limits/spacing.ts';
import type { Mount } from './mount.ts';
import { resolveMounts } from './mount-settings.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import { createPasswordPolicy, type PasswordPolicy } from './passwords/policy.ts';
import type { Clock, Log, Random, Worker } from './ports.ts';
import { type Attestation, createAttestation } from './self-service/attestation.ts';
import { followRevocations } from './sessions/revocations.ts';
import type { Corridor } from './sign-in/corridor.ts';
import { Throttle } from './sign-in/throttle.ts';
import type { Store } from './store/store.ts';
import { createAccessTokens } from './tokens/access-token.ts';
import { type AsymmetricAlgorithm, KeyRing } from './tokens/key-ring.ts';
import { createRefreshTokens } from './tokens/refresh-token.ts';
import { createStepUpTokens } from './tokens/step-up-token.ts';
import { version } from './version.ts';

/** What comes from outside the program. */
export interface AppPorts {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What messages say. */
  readonly wording: Wording;
  /** The issuer and base of links. Asked for whenever it is needed: with port 0 it is known once the server listens. */
  readonly publicUrl: () => string;
  /** The processes beside this one; without it, this is the only one of its server. */
  readonly worker?: Worker;
}

/** The service, ready to listen. */
export interface App {
  readonly server: FastifyInstance;
  readonly keyRing: KeyRing;
  /** Where every door leads. */
  readonly corridor: Corridor;
  /** Makes readiness say no, so that a balancer stops sending. */
  drain(): void;
  /** Finishes what is in flight and stops everything but the store, which its owner closes. */
  close(): Promise<void>;
}

/** How often a refused refresh of one session is written down. */
const REFUSED_REFRESH_MILLISECONDS = 60_000;

/** How long readiness waits for the store. */
const READY_TIMEOUT_MILLISECONDS = 2000;

/** Puts the service together: the only place where the parts are wired. Opens no socket and reads no environment. */
export async function buildApp(config: Configuration, ports: AppPorts): Promise<App> {
  const { store, clock, random, log, publicUrl } = ports;
  const mounts = servedMounts(config);
  const passwords = await createPasswordPolicy(config.passwords, { clock, log });
  const keyRing = createKeyRing(config, mounts, ports);
  await keyRing.start((error) =>
    log.warn({ error: error.message }, 'the signing keys could not be read again'),
  );
  const hashes = new HashPool({
    threads: hashThreads(availableParallelism(), ports.worker ?? ALONE),
    cost: config.hashing,
    queueMilliseconds: config.hashing.queueMilliseconds,
    onDone: (wait, run) => metrics.hashed(wait, run),
    onTurnedAway: (why) => metrics.turnedAway(why),
  });
  const limits = await openLimits(config, ports, () => metrics);
  const metrics = createMetrics(store, clock, version, {
    hashQueue: () => hashes.waiting,
    isSharedCountHere: limits.isSharedCountHere,
    breachChecks: () => passwords.rangeCounts,
    webhookLags: () => jobs.webhookLags(),
    isWorker: ports.worker !== undefined,
  });
  store.watch(metrics.stored);
  const delivery = await startDelivery(config, ports);
  const jobs = startJobs(config, ports, keyRing, retainedSeconds(mounts));

  const corridor = createCorridor(config, ports, {
    mounts,
    keyRing,
    hashes,
    limits,
    passwords,
    delivery,
    webauthn: createWebauthn(() => relyingPartyOf(config.passkeys, publicUrl())),
  });

  let draining = false;
  const server = createServer({
    clock,
    random,
    log,
    publicUrl,
    onAnswered: metrics.answered,
    isDraining: () => draining,
    trustedProxies: config.trustedProxies,
    owners: mounts,
    fallback: nativeContract,
  });
  const closeSilent = trackSilentConnections(server.server);
  openRoutes(server, { config, ports, mounts, keyRing, corridor, metrics, isDraining: () => draining });

  return {
    server,
    keyRing,
    corridor,
    drain: () => {
      draining = true;
    },
    async close() {
      await closeGracefully(server, closeSilent);
      keyRing.stop();
      limits.close();
      await Promise.all([delivery, jobs].map((each) => each.stop()));
      await Promise.all([hashes.close(), passwords.close()]);
    },
  };
}

const ALONE = { count: 1, place: 0 };

/** All processors hash, however many processes share them: more threads would only take turns. What is left over goes to the first. */
export function hashThreads(processors: number, { count, place }: Pick<Worker, 'count' | 'place'>): number {
  return Math.max(1, Math.floor(processors / count) + (place < processors % count ? 1 : 0));
}

interface RouteParts {
  readonly config: Configuration;
  readonly ports: AppPorts;
  readonly mounts: readonly Mount[];
  readonly keyRing: KeyRing;
  readonly corridor: Corridor;
  readonly metrics: Metrics;
  readonly isDraining: () => boolean;
}

/** Every route there is. */
function openRoutes(server: FastifyInstance, parts: RouteParts): void {
  const { config, mounts, keyRing, corridor, metrics } = parts;
  const { store, clock, log, publicUrl } = parts.ports;
  for (const mount of mounts) registerContractRoutes(server, mount, corridor, metrics.carriedOut);
  registerMetricsRoute(server, { ...metrics, token: config.metrics.token ?? null });
  registerSystemRoutes(server, {
    keyRing,
    jwksMaxAgeSeconds: config.keys.publishSeconds,
    mounts,
    publicUrl,
    version,
    notReady: async (requestId) => [
      ...(parts.isDraining() ? ['draining'] : []),
      ...(await storeProblems(store, log, requestId)),
    ],
  });

  const feed = {
    store,
    clock,
    publicUrl,
    keySet: () => keyRing.keySet(),
    retainedSeconds: retainedSeconds(mounts),
  };
  registerRevocationRoute(server, {
    resourceServer: async (credential) =>
      (await store.resourceServers.bySecret(secretHash(credential)))?.name ?? null,
    follow: (follower) => followRevocations(feed, follower),
  });
}

interface CorridorParts {
  readonly mounts: readonly Mount[];
  readonly keyRing: KeyRing;
  readonly hashes: HashPool;
  readonly limits: Limits;
  readonly passwords: PasswordPolicy;
  readonly webauthn: Webauthn;
  readonly delivery: Delivery;
}

function createCorridor(config: Configuration, ports: AppPorts, parts: CorridorParts): Corridor {
  const { store, vault, clock, random, log, publicUrl } = ports;
  const { mounts, keyRing, hashes, passwords, webauthn } = parts;
  return {
    store,
    vault,
    hashes,
    decoyHash: decoyHash(config.hashing, random),
    hashingCost: config.hashing,
    passwords,
    attestation: attestationOf(config, ports),
    throttle: new Throttle(store, clock, config.hashing.queueMilliseconds),
    windows: parts.limits.windows,
    refusedRefreshes: new Spacing(clock, REFUSED_REFRESH_MILLISECONDS),
    loadTrouble: parts.limits.load.trouble,
    accessTokens: createAccessTokens({ keyRing, mounts, publicUrl, clock, random }),
    refreshTokens: createRefreshTokens(vault, clock),
    stepUpTokens: createStepUpTokens(vault, publicUrl, clock),
    webauthn,
    mounts: new Map(mounts.map((mount) => [mount.name, mount])),
    limits: {
      ...config.signIn,
      ...config.challenge,
      graceSeconds: config.refresh.graceSeconds,
      sessionMaxSeconds: config.session.maxSeconds,
      forgetDeviceSeconds: config.devices.forgetSeconds,
    },
    sendingLimits: config,
    clock,
    random,
    log,
    wording: ports.wording,
    totpIssuer: () => config.totp.issuer ?? new URL(publicUrl()).hostname,
    ...parts.delivery,
  };
}

/** Who vouches for devices, where the configuration names somebody. */
function attestationOf(config: Configuration, ports: AppPorts): Attestation | null {
  const { url, secret } = config.attestation;
  return url === undefined || secret === undefined ? null : createAttestation({ url, secret }, ports);
}

/** Every mount that is served: those of the configuration, and the native API. */
export function servedMounts(config: Configuration): Mount[] {
  const { enabled: allowSignUp } = config.signUp;
  const native = resolveMounts([{ contract: nativeContract.name, allowSignUp }], [nativeContract]);
  return [...config.mounts, ...native.mounts];
}

/** The ring of the keys that these mounts sign with. @param others algorithms that have keys beside those of the mounts */
export function createKeyRing(
  config: Configuration,
  mounts: readonly Mount[],
  { store, vault, clock }: Pick<AppPorts, 'store' | 'vault' | 'clock'>,
  others: Iterable<AsymmetricAlgorithm> = [],
): KeyRing {
  const ofMounts = mounts.flatMap(({ algorithm }) => (algorithm === 'HS256' ? [] : [algorithm]));
  const algorithms = new Set([...ofMounts, ...others]);
  return new KeyRing({
    store,
    vault,
    clock,
    algorithms: [...algorithms] satisfies AsymmetricAlgorithm[],
    publishSeconds: config.keys.publishSeconds,
    longestTokenSeconds: longestTokenSeconds(mounts),
  });
}

function longestTokenSeconds(mounts: readonly Mount[]): number {
  return Math.max(...mounts.map((mount) => mount.accessTokenSeconds));
}

/** What resource servers may add to the life of a token, since their clocks may be slow. */
const CLOCK_TOLERANCE_SECONDS = 300;

/** How long a revocation can matter to anybody. */
function retainedSeconds(mounts: readonly Mount[]): number {
  return longestTokenSeconds(mounts) + CLOCK_TOLERANCE_SECONDS;
}

/** What keeps the store from answering: the reason is the log's, whoever asks need not know where it is. */
async function storeProblems(store: Store, log: Log, requestId: string): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string[]>((resolve) => {
    timer = setTimeout(() => resolve(['the store does not answer']), READY_TIMEOUT_MILLISECONDS);
  });
  const asked = store.ping().then(
    () => [],
    (error: Error) => {
      log.warn({ requestId, error: error.message }, 'the store is not ready');
      return ['the store does not answer'];
    },
  );
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}
