import { auditEvent } from './audit/event.ts';
import type { Clock, Log } from './ports.ts';
import { recordAudit } from './store/audit.ts';
import type { KeyRing } from './tokens/key-ring.ts';

const INTERVAL_MILLISECONDS = 60_000;
const DAY_MILLISECONDS = 24 * 3_600_000;

/** Rotates signing keys when they have become old, for as long as it is not stopped. Of several servers one does. */
export class KeySchedule {
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> = Promise.resolve();

  /** @param rotateDays the age at which a key is replaced; 0 for never */
  constructor(ring: KeyRing, clock: Clock, log: Log, rotateDays: number) {
    const round = async (): Promise<void> => {
      const before = clock.now() - rotateDays * DAY_MILLISECONDS;
      for (const algorithm of ring.algorithms) {
        const key = await ring.rotateIfOlder(algorithm, before, ({ id }) =>
          recordAudit(
            auditEvent({
              at: clock.now(),
              event: 'key.rotated',
              actor: 'system',
              detail: { key: id, algorithm, by: 'schedule' },
            }),
          ),
        );
        if (key) log.info({ key: key.id, algorithm }, 'a new signing key is published');
      }
    };
    const run = (): void => {
      if (rotateDays === 0) return;
      this.#running = this.#running.then(round).catch((error: Error) => {
        log.warn({ error: error.message }, 'the signing keys could not be rotated');
      });
    };
    this.#timer = setInterval(run, INTERVAL_MILLISECONDS).unref();
    run();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }
}
