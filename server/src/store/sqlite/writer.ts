import { parentPort, workerData } from 'node:worker_threads';
import type { StoreUse } from '../engine.ts';
import { batchDecoder } from './batch-message.ts';
import { openSqlite } from './driver.ts';
import { writeBatch } from './write-batch.ts';

// The one thread that writes. Each message is a batch and becomes one transaction; the answer is posted after its sync.
const port = parentPort;
if (!port) throw new Error('the SQLite writer runs as a worker thread only');

const { path, use } = workerData as { path: string; use?: StoreUse };
const connection = openSqlite(path, use);
const decode = batchDecoder();

port.on('message', (message: string) => {
  if (message === 'close') {
    connection.close();
    port.close();
    return;
  }
  port.postMessage(JSON.stringify(writeBatch(connection, decode(message))));
});
