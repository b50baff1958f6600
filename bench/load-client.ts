import { connect, type Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { json } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { wholeAnswer } from './http-answer.ts';
import { cpuMilliseconds, machineBusyMilliseconds } from './process-times.ts';
import { Recorder, type Summary } from './recorder.ts';
import { type Scenario, type ScenarioName, scenarios } from './scenarios.ts';

const RECONNECT_MILLISECONDS = 100;

/** What the process is asked to do, as JSON on its standard input. */
export interface LoadOrder {
  readonly url: string;
  readonly scenario: ScenarioName;
  readonly connections: number;
  readonly seconds: number;
  /** What the scenario needs to know: tokens, names. */
  readonly data: readonly string[];
  readonly warmUpMilliseconds: number;
  /** Where else connections go, in turn with `url`. */
  readonly otherUrls?: readonly string[];
  /** The longest that the warm-up goes on until every connection has been answered once. */
  readonly longestWarmUpMilliseconds?: number;
  /** Whether those that wait for their answer at the end count among the times. */
  readonly countsWaiting?: boolean;
  /** The processes that serve, whose processor time is to be counted. */
  readonly servers?: readonly number[];
}

/** What a run measured, and who had the processors meanwhile. */
export interface LoadSummary extends Summary {
  /** The client's part of all processors. */
  readonly clientCpuShare: number;
  /** Processor time of the servers for each request that was served, with what it took to turn others away. */
  readonly serverCpuMilliseconds: number;
  /** What neither the client nor the servers had: the rest of the machine's life. */
  readonly othersCpuShare: number;
}

/**
 * One connection that sends its next request when the last one was answered, for as long as the run lasts. A client that is told
 * to come back later does, with the same request, and its time goes on.
 */
class Connection {
  #socket: Socket;
  readonly #scenario: Scenario;
  readonly #index: number;
  readonly #recorder: Recorder;
  #received = '';
  #request = '';
  #askedAt = 0;
  #isFirstTry = true;
  #isOver = false;
  /** When there is nothing left to ask. */
  readonly done: Promise<void>;
  #isDone!: () => void;
  /** When it was answered for the first time. */
  readonly answered: Promise<void>;
  #isAnswered!: () => void;

  constructor(order: LoadOrder, index: number, recorder: Recorder) {
    this.#scenario = scenarios[order.scenario];
    this.#index = index;
    this.#recorder = recorder;
    this.done = new Promise((resolve) => {
      this.#isDone = resolve;
    });
    this.answered = new Promise((resolve) => {
      this.#isAnswered = resolve;
    });
    this.#socket = this.#connect(order, () => this.#ask(this.#scenario.request(index, order.data, null)));
  }

  /** One that is cut, or not even taken, is counted, and what was asked on it is asked again on another. */
  #connect(order: LoadOrder, begin: () => void): Socket {
    const urls = [order.url, ...(order.otherUrls ?? [])];
    const { hostname, port } = new URL(urls[this.#index % urls.length] ?? order.url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let isConnected = false;
    socket.once('connect', () => {
      isConnected = true;
      begin();
    });
    socket.setEncoding('latin1');
    socket.on('data', (piece: unknown) => this.#receive(String(piece), order));
    socket.on('error', () => undefined);
    socket.once('close', async () => {
      if (this.#isOver) return;
      this.#received = '';
      this.#recorder.record(performance.now() - this.#askedAt, 'cut', false);
      await setTimeout(RECONNECT_MILLISECONDS);
      if (!this.#isOver)
        this.#socket = this.#connect(order, isConnected ? () => this.#socket.write(this.#request) : begin);
    });
    return socket;
  }

  /** How long it has waited to be served. */
  waitingMilliseconds(): number {
    return performance.now() - this.#askedAt;
  }

  stop(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #ask(request: string | null): void {
    if (request === null) {
      this.#isOver = true;
      this.#isDone();
      return;
    }
    this.#request = request;
    this.#askedAt = performance.now();
    this.#isFirstTry = true;
    this.#socket.write(request);
  }

  #receive(piece: string, order: LoadOrder): void {
    this.#received += piece;
    const answer = wholeAnswer(this.#received);
    if (answer === null) return;
    const { status, body, retryAfterSeconds } = answer;
    this.#received = '';
    this.#isAnswered();
    const isRight = status === 200 && (this.#scenario.isRight?.(body) ?? true);
    this.#recorder.record(
      performance.now() - this.#askedAt,
      status === 200 && !isRight ? '200 wrong' : status,
      this.#isFirstTry,
    );
    if (status === 503 || status === 429) {
      this.#isFirstTry = false;
      setTimeout((retryAfterSeconds ?? 0) * 1000).then(() => this.#socket.write(this.#request));
    } else this.#ask(this.#scenario.request(this.#index, order.data, isRight ? body : null));
  }
}

/** Whose processor time is whose, from now on. */
function watchProcessors(servers: readonly number[]): (served: number) => Omit<LoadSummary, keyof Summary> {
  const begunAt = performance.now();
  const client = process.cpuUsage();
  const server = cpuMilliseconds(servers);
  const machine = machineBusyMilliseconds();
  return (served) => {
    const { user, system } = process.cpuUsage(client);
    const clientMilliseconds = (user + system) / 1000;
    const serverMilliseconds = cpuMilliseconds(servers) - server;
    const all = (performance.now() - begunAt) * availableParallelism();
    const others = machineBusyMilliseconds() - machine - clientMilliseconds - serverMilliseconds;
    return {
      clientCpuShare: clientMilliseconds / all,
      serverCpuMilliseconds: serverMilliseconds / served,
      othersCpuShare: Math.max(0, others / all),
    };
  };
}

/** Runs an order and gives what it measured. */
async function run(order: LoadOrder): Promise<LoadSummary> {
  const recorder = new Recorder();
  const connections = Array.from(
    { length: order.connections },
    (_, index) => new Connection(order, index, recorder),
  );
  const longest = order.longestWarmUpMilliseconds ?? 0;
  await setTimeout(order.warmUpMilliseconds);
  if (longest > order.warmUpMilliseconds)
    await Promise.race([
      setTimeout(longest - order.warmUpMilliseconds),
      Promise.all(connections.map((connection) => connection.answered)),
    ]);
  const processors = watchProcessors(order.servers ?? []);
  recorder.begin();
  await Promise.race([
    setTimeout(order.seconds * 1000),
    Promise.all(connections.map((connection) => connection.done)),
  ]);
  const waiting = connections.map((connection) => connection.waitingMilliseconds());
  const summary = recorder.end(order.countsWaiting === true ? waiting : []);
  const times = processors(summary.statuses['200'] ?? 0);
  for (const connection of connections) connection.stop();
  return { ...summary, ...times };
}

const order = (await json(process.stdin)) as LoadOrder;
process.stdout.write(JSON.stringify(await run(order)), () => process.exit(0));
