import type { FastifyInstance } from 'fastify';

/** How often connections are looked at while the server closes, and when it waits for them no longer. */
const SWEEP_MILLISECONDS = 20;
const CLOSE_MILLISECONDS = 10_000;

/** Takes no new connection, finishes what is in flight, and closes each connection as soon as nothing is on it. @param closeSilent closes those that never said anything */
export async function closeGracefully(server: FastifyInstance, closeSilent: () => void): Promise<void> {
  // After this turn's reading: what has arrived is a request by then, and its connection is not idle.
  const nextReading = () => new Promise((resolve) => setImmediate(resolve));
  const sweep = async (): Promise<void> => {
    await nextReading();
    server.server.closeIdleConnections();
    closeSilent();
  };
  const sweeper = setInterval(sweep, SWEEP_MILLISECONDS);
  await nextReading();
  const deadline = setTimeout(() => server.server.closeAllConnections(), CLOSE_MILLISECONDS);
  try {
    await server.close();
  } finally {
    clearInterval(sweeper);
    clearTimeout(deadline);
  }
}
