/** How the verifier reaches the server it believes. */
export interface ServerAccess {
  /** The issuer without a slash at its end. */
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
  /** Aborted when the verifier is closed. */
  readonly closed: AbortSignal;
}

/** What the server said, whatever the status is. */
export interface ServerAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A short request that takes longer has failed. */
const PATIENCE_MILLISECONDS = 5000;

/**
 * Asks the server for something short and reads the answer. It follows no redirect: what is sent is for the server alone.
 * @throws when no whole answer comes in time, or `signal` is aborted first
 */
export async function askServer(
  access: ServerAccess,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<ServerAnswer> {
  const ending = endingWith([access.closed, ...(signal ? [signal] : [])]);
  const patience = setTimeout(
    () => ending.abort(new Error('the server took too long to answer')),
    PATIENCE_MILLISECONDS,
  );
  try {
    const answer = await access.fetch(access.baseUrl + path, {
      headers: { ...headers, accept: 'application/json' },
      redirect: 'error',
      signal: ending.signal,
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  } finally {
    clearTimeout(patience);
    ending.release();
  }
}

/** A signal of its own that others can end too. */
export interface Ending {
  readonly signal: AbortSignal;
  abort(reason: Error): void;
  /** Lets go of the other signals, which may live much longer. */
  release(): void;
}

/** A signal that is aborted with the first of others. (`AbortSignal.any` keeps memory in some releases of Node.js.) */
export function endingWith(others: readonly AbortSignal[]): Ending {
  const controller = new AbortController();
  const follow = (event: Event) => controller.abort((event.target as AbortSignal).reason);
  for (const other of others) {
    if (other.aborted) controller.abort(other.reason);
    other.addEventListener('abort', follow, { once: true });
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release() {
      for (const other of others) other.removeEventListener('abort', follow);
    },
  };
}

/** Waits for what others wait for too: aborting `signal` ends this wait, not the work. */
export function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
