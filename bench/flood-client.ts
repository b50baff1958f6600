import { connect, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { PASSWORD } from './scenarios.ts';

/** What the process is asked to do, as JSON on its standard input. */
export interface FloodOrder {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** Client addresses that the requests come from, by turns; the server believes this client as its proxy. */
  readonly addresses: readonly string[];
  readonly usernames: readonly string[];
}

/** What it has measured. Times are milliseconds from the moment a request was due to its answer. */
export interface FloodSummary {
  readonly offered: number;
  readonly served: readonly number[];
  readonly refused: readonly number[];
  /** Refusals that did not say when to come back. */
  readonly withoutRetryAfter: number;
  /** Answers that are neither, by status. */
  readonly others: Readonly<Record<string, number>>;
  /** Requests that had no answer when it was over. */
  readonly unanswered: number;
  /** The processor time that it took itself. */
  readonly cpuSeconds: number;
}

const TICK_MILLISECONDS = 5;
const MOST_CONNECTIONS = 4000;
/** How long it waits for what is still on its way. */
const LINGER_MILLISECONDS = 3000;

/** A connection, and what it is told when an answer is whole. It reads no more of HTTP than our own servers write. */
class Lane {
  readonly #socket: Socket;
  #received = '';
  onAnswer: (status: number, head: string) => void = () => undefined;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (piece: unknown) => this.#receive(String(piece)));
    this.#socket.on('error', () => undefined);
  }

  send(request: string): void {
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.destroy();
  }

  #receive(piece: string): void {
    this.#received += piece;
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#received.slice(0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return;
    this.#received = '';
    this.onAnswer(Number(head.slice(9, 12)), head);
  }
}

/**
 * Offers sign-ins at a rate, whatever becomes of those before: who attacks does not wait for answers, and does not come
 * back later when told to.
 */
async function flood(order: FloodOrder): Promise<FloodSummary> {
  const idle: Lane[] = [];
  const lanes: Lane[] = [];
  const [served, refused]: [number[], number[]] = [[], []];
  const others: Record<string, number> = {};
  let [offered, withoutRetryAfter, answered] = [0, 0, 0];

  const request = (index: number): string => {
    const username = order.usernames[index % order.usernames.length];
    const address = order.addresses[index % order.addresses.length];
    const body = JSON.stringify({ username, password: PASSWORD });
    return `POST /auth/login HTTP/1.1\r\nHost: bench\r\nX-Forwarded-For: ${address}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };
  const openLane = (): Lane | undefined => {
    if (lanes.length === MOST_CONNECTIONS) return undefined;
    const lane = new Lane(order.url);
    lanes.push(lane);
    return lane;
  };
  const offer = (dueAt: number): void => {
    offered += 1;
    const lane = idle.pop() ?? openLane();
    if (!lane) return;
    lane.onAnswer = (status, head) => {
      const milliseconds = performance.now() - dueAt;
      answered += 1;
      if (status === 200) served.push(milliseconds);
      else if (status === 503 || status === 429) refused.push(milliseconds);
      else others[status] = (others[status] ?? 0) + 1;
      if ((status === 503 || status === 429) && !/retry-after: \d/i.test(head)) withoutRetryAfter += 1;
      idle.push(lane);
    };
    lane.send(request(offered));
  };

  const begun = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(performance.now() - begun, order.seconds * 1000);
      const due = Math.floor((elapsed / 1000) * order.perSecond);
      while (offered < due) offer(begun + (offered / order.perSecond) * 1000);
      if (elapsed < order.seconds * 1000) return;
      clearInterval(timer);
      resolve();
    }, TICK_MILLISECONDS);
  });
  const deadline = performance.now() + LINGER_MILLISECONDS;
  while (answered < offered && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, TICK_MILLISECONDS));
  for (const lane of lanes) lane.end();
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  return { offered, served, refused, withoutRetryAfter, others, unanswered: offered - answered, cpuSeconds };
}

const order = (await json(process.stdin)) as FloodOrder;
process.stdout.write(JSON.stringify(await flood(order)), () => process.exit(0));
