import cluster from 'node:cluster';
import { ClusterRegistry, Registry } from '@prometheus-io/client';

// A scrape reaches any one of several workers. It asks the process over them, which asks them all, adds up what they say and
// sends back the text.

const ASKED = 'latchkey:metrics';
const ANSWER_MILLISECONDS = 6000;

interface Question {
  readonly type: typeof ASKED;
  readonly id: number;
}

type Answer = Question & ({ readonly text: string } | { readonly error: string });

function isOurs(message: unknown): message is Question {
  return typeof message === 'object' && message !== null && (message as Question).type === ASKED;
}

/** Adds up for the workers, in the process over them, which calls this once. */
export function addUpMetrics(): void {
  const registry = new ClusterRegistry(Registry.PROMETHEUS_CONTENT_TYPE);
  cluster.on('message', (worker, message: unknown) => {
    if (!isOurs(message)) return;
    const { type, id } = message;
    const answer = (said: { text: string } | { error: string }): void => {
      if (worker.isConnected()) worker.send({ type, id, ...said });
    };
    registry.clusterMetrics().then(
      (text) => answer({ text }),
      (error: Error) => answer({ error: error.message }),
    );
  });
}

/**
 * Lets a worker's metrics be added up.
 * @returns what gives the text of all workers; it rejects when one of them does not answer within some seconds
 */
export function metricsOfAllWorkers(registry: Registry): () => Promise<string> {
  ClusterRegistry.setRegistries(registry);
  new ClusterRegistry(Registry.PROMETHEUS_CONTENT_TYPE);
  const waiting = new Map<number, (answer: Answer) => void>();
  let asked = 0;
  process.on('message', (message: unknown) => {
    if (isOurs(message)) waiting.get(message.id)?.(message as Answer);
  });
  return async () => {
    const id = asked++;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    waiting.set(id, resolve);
    const timer = setTimeout(
      () => resolve({ type: ASKED, id, error: 'no answer from the process over the workers' }),
      ANSWER_MILLISECONDS,
    );
    process.send?.({ type: ASKED, id } satisfies Question);
    const answer = await promise.finally(() => {
      clearTimeout(timer);
      waiting.delete(id);
    });
    if ('error' in answer) throw new Error(`the metrics of all workers: ${answer.error}`);
    return answer.text;
  };
}
