import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How long a connection may be on which nothing was sent: a request can be on its way that a proxy will not send again. */
const SILENCE_MILLISECONDS = 500;

/**
 * Knows the connections on which nothing was ever sent, which Node.js does not count as idle: they would hold up the end of
 * the server for as long as they like.
 * @returns what closes them
 */
export function trackSilentConnections(server: Server): () => void {
  const open = new Map<Socket, number>();
  server.on('connection', (socket: Socket) => {
    open.set(socket, performance.now());
    socket.once('close', () => open.delete(socket));
  });
  return () => {
    const before = performance.now() - SILENCE_MILLISECONDS;
    for (const [socket, since] of open) if (socket.bytesRead === 0 && since < before) socket.destroy();
  };
}
