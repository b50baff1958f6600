/**
 * Does some work, and waits for it until the signal says to wait no longer: then the work goes on for whoever else waits.
 * Nothing is begun for a signal that was aborted before.
 */
export function untilAborted<Result>(
  begin: () => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return begin();
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const release = () => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort);
    begin().then(resolve, reject).finally(release);
  });
}
