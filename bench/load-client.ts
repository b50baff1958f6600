import { connect, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { Recorder, type Summary } from './recorder.ts';
import { type Scenario, type ScenarioName, scenarios } from './scenarios.ts';

/** What the process is asked to do, as JSON on its standard input. */
export interface LoadOrder {
  readonly url: string;
  readonly scenario: ScenarioName;
  readonly connections: number;
  readonly seconds: number;
  /** What the scenario needs to know: tokens, names. */
  readonly data: readonly string[];
  readonly warmUpMilliseconds: number;
}

/**
 * One connection that sends its next request when the last one was answered, for as long as the run lasts. It reads no
 * more of HTTP than our own servers write: a status line, headers with a Content-Length, a body.
 */
class Connection {
  readonly #socket: Socket;
  readonly #scenario: Scenario;
  readonly #index: number;
  readonly #recorder: Recorder;
  #received = '';
  #sentAt = 0;
  /** When there is nothing left to ask. */
  readonly done: Promise<void>;
  #isDone!: () => void;

  constructor(order: LoadOrder, index: number, recorder: Recorder) {
    const { hostname, port } = new URL(order.url);
    this.#scenario = scenarios[order.scenario];
    this.#index = index;
    this.#recorder = recorder;
    this.done = new Promise((resolve) => {
      this.#isDone = resolve;
    });
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true }, () =>
      this.#send(this.#scenario.request(index, order.data, null)),
    );
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (piece: unknown) => this.#receive(String(piece), order));
    this.#socket.on('error', () => undefined);
  }

  stop(): void {
    this.#socket.destroy();
  }

  #send(request: string | null): void {
    if (request === null) {
      this.#isDone();
      return;
    }
    this.#sentAt = performance.now();
    this.#socket.write(request);
  }

  #receive(piece: string, order: LoadOrder): void {
    this.#received += piece;
    const head = this.#received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#received)?.[1] ?? 0);
    if (this.#received.length < head + 4 + length) return;
    const status = Number(this.#received.slice(9, 12));
    const body = this.#received.slice(head + 4, head + 4 + length);
    const retryAfter =
      status === 503 || status === 429 ? /retry-after: (\d+)/i.exec(this.#received)?.[1] : undefined;
    this.#received = '';
    this.#recorder.record(performance.now() - this.#sentAt, status);
    // A client that is told to come back later does.
    const pause = retryAfter === undefined ? 0 : Number(retryAfter) * 1000;
    const next = () =>
      this.#send(this.#scenario.request(this.#index, order.data, status === 200 ? body : null));
    if (pause > 0) setTimeout(pause).then(next);
    else next();
  }
}

/** Runs an order and gives what it measured. */
async function run(order: LoadOrder): Promise<Summary> {
  const recorder = new Recorder();
  const connections = Array.from(
    { length: order.connections },
    (_, index) => new Connection(order, index, recorder),
  );
  await setTimeout(order.warmUpMilliseconds);
  recorder.begin();
  await Promise.race([
    setTimeout(order.seconds * 1000),
    Promise.all(connections.map((connection) => connection.done)),
  ]);
  const summary = recorder.end();
  for (const connection of connections) connection.stop();
  return summary;
}

const order = (await json(process.stdin)) as LoadOrder;
process.stdout.write(JSON.stringify(await run(order)));
process.exit(0);
