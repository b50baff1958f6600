import type { AddressInfo } from 'node:net';
import { buildApp } from '../src/app.ts';
import type { Configuration } from '../src/config.ts';
import type { TestApp } from './app.ts';
import { type RemoteServer, remoteServer } from './remote.ts';

/** Starts another server on the store of one that is there. @param settings sections in which it differs */
export async function startSecondServer(
  app: TestApp,
  settings: Partial<Configuration> = {},
): Promise<RemoteServer & { stop(): Promise<void> }> {
  const config = { ...app.core.config, ...settings };
  const second = await buildApp(config, { ...app.core, publicUrl: () => app.url });
  await second.server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = second.server.server.address() as AddressInfo;
  return { ...remoteServer(`http://127.0.0.1:${port}`), stop: () => second.close() };
}
