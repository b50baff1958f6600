import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type { Clock } from '../ports.ts';
import type { Store } from '../store/store.ts';
import { metricsOfAllWorkers } from './worker-metrics.ts';

/** What the service tells about itself while it works. Labels are names of ours, never what a client sent. */
export interface Metrics {
  /** A request was answered. @param route as it was declared; null where there is none */
  answered(route: string | null, method: string, status: number, seconds: number): void;
  /** A command was carried out. @param outcome its kind, and the reason where it has one */
  carriedOut(mount: string, command: string, outcome: string): void;
  /** A password was hashed. */
  hashed(waitSeconds: number, runSeconds: number): void;
  /** Work was not begun, or not finished. @param why what there was too little of */
  turnedAway(why: string): void;
  /** An attempt must wait. @param limit which one it has reached */
  limited(limit: string): void;
  /** The store has answered, or not. */
  stored(operation: 'read' | 'commit', seconds: number, failed: boolean): void;
  /** Everything, as Prometheus reads it. */
  text(): Promise<string>;
  readonly contentType: string;
}

const FAST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** How often it is noted how busy the event loop was. The library's ten times a second were a sixth of what an idle server costs. */
const UTILIZATION_MILLISECONDS = 1000;

/** What is asked when somebody looks. */
export interface Gauged {
  /** How many hashes wait. */
  hashQueue(): number;
  /** Whether the count that servers share on Redis answers; null where there is none. */
  isSharedCountHere(): boolean | null;
  /** How the questions about breached passwords have ended; null where none is asked. */
  breachChecks(): { readonly asked: number; readonly remembered: number; readonly failed: number } | null;
  /** How far behind each webhook is, in the order of the configuration. */
  webhookLags(): Promise<readonly { readonly host: string; readonly seconds: number }[]>;
  /** Whether this is one of several processes: then the text is of all of them together. */
  readonly isWorker: boolean;
}

/** @param gauged what is asked when somebody looks */
export function createMetrics(store: Store, clock: Clock, version: string, gauged: Gauged): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopUtilizationTimeout: UTILIZATION_MILLISECONDS });
  new Gauge({
    name: 'latchkey_info',
    help: 'the running version',
    labelNames: ['version'],
    aggregator: 'first',
    registers,
  })
    .labels(version)
    .set(1);
  const requests = new Histogram({
    name: 'latchkey_request_seconds',
    help: 'time from a request to its answer',
    labelNames: ['route', 'method', 'status'],
    buckets: FAST_SECONDS,
    registers,
  });
  const commands = new Counter({
    name: 'latchkey_commands_total',
    help: 'commands that were carried out, by mount and by how they ended',
    labelNames: ['mount', 'command', 'outcome'],
    registers,
  });
  const signIns = new Counter({
    name: 'latchkey_sign_ins_total',
    help: 'sign-ins by mount and outcome: completed, waiting for a step, refused and why, throttled, overloaded',
    labelNames: ['mount', 'outcome'],
    registers,
  });
  const hashWait = new Histogram({
    name: 'latchkey_hash_wait_seconds',
    help: 'time that a password waited for a hashing thread',
    buckets: FAST_SECONDS,
    registers,
  });
  const hashRun = new Histogram({
    name: 'latchkey_hash_seconds',
    help: 'time that a hashing thread took for a password',
    buckets: FAST_SECONDS,
    registers,
  });
  const stored = new Histogram({
    name: 'latchkey_store_seconds',
    help: 'time that the store took to answer; of the embedded store, commits only',
    labelNames: ['operation'],
    buckets: FAST_SECONDS,
    registers,
  });
  const storeFailures = new Counter({
    name: 'latchkey_store_failures_total',
    help: 'reads and commits that failed',
    labelNames: ['operation'],
    registers,
  });
  gaugesOfQueues(registry, store, gauged);
  gaugeOfBreachChecks(registry, gauged);
  gaugeOfWithheld(registry, store, clock);
  gaugeOfAudit(registry, store, clock);
  gaugeOfWebhooks(registry, gauged);

  return {
    contentType: registry.contentType,
    answered: (route, method, status, seconds) =>
      requests.labels(route ?? 'none', method, statusLabel(status)).observe(seconds),
    carriedOut(mount, command, outcome) {
      commands.labels(mount, command, outcome).inc();
      if (SIGN_IN_COMMANDS.has(command)) signIns.labels(mount, outcome).inc();
    },
    hashed(waitSeconds, runSeconds) {
      hashWait.observe(waitSeconds);
      hashRun.observe(runSeconds);
    },
    ...countersOfRefusals(registry),
    stored(operation, seconds, failed) {
      stored.labels(operation).observe(seconds);
      if (failed) storeFailures.labels(operation).inc();
    },
    text: gauged.isWorker ? metricsOfAllWorkers(registry) : () => registry.metrics(),
  };
}

/** The class of a status; 503 by itself, since whoever is turned away, or finds the store away, has met no fault. */
function statusLabel(status: number): string {
  return status === 503 ? '503' : `${Math.floor(status / 100)}xx`;
}

/** What is turned away before anybody has looked at it. */
function countersOfRefusals(registry: Registry): Pick<Metrics, 'turnedAway' | 'limited'> {
  const registers = [registry];
  const turnedAway = new Counter({
    name: 'latchkey_turned_away_total',
    help: 'work that was not done: the hashing queue was full, its wait too long, its place somebody else’s, the event loop late, memory short',
    labelNames: ['why'],
    registers,
  });
  const limited = new Counter({
    name: 'latchkey_limited_total',
    help: 'attempts that must wait, by the limit that was reached: of an address, of what it asks for, an organisation, everybody, a context',
    labelNames: ['limit'],
    registers,
  });
  return {
    turnedAway: (why) => turnedAway.labels(why).inc(),
    limited: (limit) => limited.labels(limit).inc(),
  };
}

const SIGN_IN_COMMANDS = new Set(['begin', 'pick', 'prove', 'passkey-sign-in']);

/** What is counted when somebody looks. */
function gaugesOfQueues(registry: Registry, store: Store, gauged: Gauged): void {
  const registers = [registry];
  new Gauge({
    name: 'latchkey_hash_queue',
    help: 'passwords that wait for a hashing thread now',
    registers,
    collect() {
      this.set(gauged.hashQueue());
    },
  });
  new Gauge({
    name: 'latchkey_shared_limits_up',
    help: 'whether the limits that servers share on Redis answer; without any there is no value',
    labelNames: ['at'],
    aggregator: 'min',
    registers,
    collect() {
      const isHere = gauged.isSharedCountHere();
      this.reset();
      if (isHere !== null) this.labels('redis').set(isHere ? 1 : 0);
    },
  });
  new Gauge({
    name: 'latchkey_outbox',
    help: 'messages that wait to be sent, and those that came too late and were not',
    labelNames: ['state'],
    aggregator: 'max',
    registers,
    async collect() {
      // Without the store there is no number, and whoever reads the rest sees why.
      const depth = await store.outbox.depth().catch(() => null);
      this.reset();
      if (depth === null) return;
      this.labels('waiting').set(depth.waiting);
      this.labels('dead').set(depth.dead);
    },
  });
}

/** A range service that does not answer lets passwords through: this is where that is seen. */
function gaugeOfBreachChecks(registry: Registry, gauged: Gauged): void {
  new Gauge({
    name: 'latchkey_breach_checks',
    help: 'passwords that were looked up at the range service since the start: asked, remembered, failed and so taken',
    labelNames: ['outcome'],
    registers: [registry],
    collect() {
      const checks = gauged.breachChecks();
      this.reset();
      for (const [outcome, count] of Object.entries(checks ?? {})) this.labels(outcome).set(count);
    },
  });
}

/** Messages that a limit kept back, over all servers. */
function gaugeOfWithheld(registry: Registry, store: Store, clock: Clock): void {
  new Gauge({
    name: 'latchkey_messages_withheld',
    help: 'messages that were not sent since a limit of sending was reached, in the hours and days that are counted now',
    aggregator: 'max',
    registers: [registry],
    async collect() {
      const withheld = await store.sendingBudgets.withheld(clock.now()).catch(() => null);
      this.reset();
      if (withheld !== null) this.set(withheld);
    },
  });
}

/** How far the audit log's chain is behind: an event waits a second or two, and one that was tampered with for ever. */
function gaugeOfAudit(registry: Registry, store: Store, clock: Clock): void {
  new Gauge({
    name: 'latchkey_audit_unsealed_seconds',
    help: 'how long the first event of the audit log without a place in its chain has waited; 0 when all have theirs',
    aggregator: 'max',
    registers: [registry],
    async collect() {
      const since = await store.audit.waitingSince().catch(() => undefined);
      this.reset();
      if (since !== undefined) this.set(since === null ? 0 : Math.max(0, clock.now() - since) / 1000);
    },
  });
}

/** An endpoint that is slower than events come, or away, is no fault of any request: this is where it is seen. */
function gaugeOfWebhooks(registry: Registry, gauged: Gauged): void {
  new Gauge({
    name: 'latchkey_webhook_lag_seconds',
    help: 'how long the oldest event that a webhook has not been told of has waited, by its index in the configuration',
    labelNames: ['index', 'host'],
    aggregator: 'max',
    registers: [registry],
    async collect() {
      const lags = await gauged.webhookLags().catch(() => []);
      this.reset();
      for (const [index, { host, seconds }] of lags.entries()) this.labels(String(index), host).set(seconds);
    },
  });
}
