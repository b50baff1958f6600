const { promise, resolve } = Promise.withResolvers<string>();
let isListening = false;

/**
 * The signal to stop. Whatever comes after it is the same wish again: a terminal's ^C reaches npm and the server alike.
 * Heard from the first call on: one that comes while a server starts is obeyed once it has started.
 */
export function stopSignal(): Promise<string> {
  if (!isListening) {
    isListening = true;
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
  }
  return promise;
}
