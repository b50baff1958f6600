/**
 * Why a call over HTTP has failed, to be logged: what the network said, or ours. Never what the runtime words with the address
 * or the answer in it: either may hold a secret.
 */
export function reasonOf(error: Error): string {
  const { cause } = error;
  // Where every address of a host was tried, only the code says why.
  if (cause instanceof Error) return cause.message || String((cause as NodeJS.ErrnoException).code);
  return error.name === 'Error' || error.name === 'TimeoutError' ? error.message : error.name;
}
