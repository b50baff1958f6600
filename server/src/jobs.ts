import { AuditSchedule } from './audit/schedule.ts';
import type { WebhookLag } from './audit/webhook-queue.ts';
import { Webhooks } from './audit/webhooks.ts';
import { CleanUp } from './clean-up.ts';
import type { Configuration } from './config.ts';
import type { Vault } from './crypto/vault.ts';
import { KeySchedule } from './key-schedule.ts';
import type { Clock, Log, Worker } from './ports.ts';
import type { Store } from './store/store.ts';
import type { KeyRing } from './tokens/key-ring.ts';

interface JobPorts {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Log;
  readonly worker?: Worker;
}

/** What a server does from time to time. */
export interface Jobs {
  /** How far behind those are who are told of audit events, in the order of the configuration. */
  webhookLags(): Promise<readonly WebhookLag[]>;
  stop(): Promise<void>;
}

/**
 * Starts what a server does from time to time, beside answering.
 * @param revocationSeconds how long revocations are kept
 */
export function startJobs(
  config: Configuration,
  ports: JobPorts,
  keyRing: KeyRing,
  revocationSeconds: number,
): Jobs {
  const { store, vault, clock, log, worker } = ports;
  // One of several workers: each would take its share of the one writer that they have together.
  const cleanUp =
    worker === undefined || worker.place === 0
      ? new CleanUp(store, clock, log, { ...config.cleanUp, revocationSeconds })
      : null;
  const keySchedule = new KeySchedule(keyRing, clock, log, config.keys.rotateDays);
  const { retentionDays } = config.audit;
  const auditSchedule = new AuditSchedule({ store, vault, clock, log, retentionDays });
  const endpoints = config.webhooks.map(({ events = ['*'], ...endpoint }) => ({ ...endpoint, events }));
  const webhooks = new Webhooks({ store, clock, log, endpoints });
  return {
    webhookLags: () => webhooks.lags(),
    async stop() {
      await Promise.all([cleanUp?.stop(), keySchedule.stop(), webhooks.stop()]);
      await auditSchedule.stop();
    },
  };
}
