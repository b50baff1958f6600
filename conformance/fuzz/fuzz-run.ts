import fc from 'fast-check';
import { DOORS, type Door } from '../../server/testing/doors.ts';
import { remoteServer } from '../../server/testing/remote.ts';
import { parsed, whatIsWrong } from './answer.ts';
import { KeptConnection, sendHostile, type WireAnswer } from './connection.ts';
import { type HealthFigures, HealthWatch } from './health.ts';
import { type Harm, harmed, harms } from './hostile-bytes.ts';
import { KeptValues, PASSWORD } from './kept-values.ts';
import { type Recipe, recipes } from './recipe.ts';
import { type FuzzRequest, requestOf } from './request.ts';
import { type Subject, startSubject } from './subject.ts';

/** What is tried. */
export interface FuzzOptions {
  readonly requests: number;
  /** After how many minutes it ends all the same. */
  readonly minutes: number;
  readonly seed: number;
  /** A store that nobody has used; null for a new embedded one. */
  readonly storeUrl: string | null;
  /** Is told how many were sent, now and then. */
  readonly onProgress: (sent: number) => void;
}

/** Something that must not be. */
export interface Finding {
  readonly what: string;
  readonly route: string;
  /** The bytes that were sent, which `--replay` takes. */
  readonly replay: string;
}

/** How it went. */
export interface FuzzResult {
  readonly sent: number;
  readonly seconds: number;
  /** How many answers of each status each route gave. */
  readonly answers: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** Answers of 503 that say when to come back. */
  readonly turnedAway: number;
  /** Requests that were sent a second time, since an answer to one before them closed the connection. */
  readonly sentAgain: number;
  readonly findings: readonly Finding[];
  readonly health: HealthFigures;
  /** What the server wrote of level error. */
  readonly errors: readonly string[];
}

const NATIVE_DOOR: Pick<Door, 'path' | 'body' | 'headers'> = {
  path: '/v1/sign-in',
  body: ({ email, password }) => ({ identifier: email, password }),
};

const CONNECTIONS = 12;
const MOST_AT_ONCE = 4;
const BATCH = 250;
/** How many people are asked about at one time, and after how many requests the next ones are. */
const PEOPLE_AT_ONCE = 12;
const REQUESTS_EACH = 5000;
const SIGNED_IN_EACH_BATCH = 6;
const MOST_FINDINGS = 20;

/** Tries a server of its own. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const people = (Math.ceil(options.requests / REQUESTS_EACH) + 1) * PEOPLE_AT_ONCE;
  let kept: KeptValues | null = null;
  const subject = await startSubject(people, options.storeUrl, (address, code) =>
    kept?.keepMailed(address, code),
  );
  kept = new KeptValues(subject.people);
  try {
    return await new FuzzRun(options, subject, kept).run();
  } finally {
    await subject.stop();
  }
}

class FuzzRun {
  readonly #options: FuzzOptions;
  readonly #subject: Subject;
  readonly #kept: KeptValues;
  readonly #answers = new Map<string, Map<number, number>>();
  readonly #findings: Finding[] = [];
  #batch: { recipe: Recipe; harm: Harm[] | null }[] = [];
  #batches = 0;
  #until = Number.POSITIVE_INFINITY;
  #sent = 0;
  #turnedAway = 0;
  #sentAgain = 0;

  constructor(options: FuzzOptions, subject: Subject, kept: KeptValues) {
    this.#options = options;
    this.#subject = subject;
    this.#kept = kept;
  }

  async run(): Promise<FuzzResult> {
    const begun = performance.now();
    this.#until = begun + this.#options.minutes * 60_000;
    const watch = new HealthWatch(this.#subject.url, this.#subject.pid);
    await Promise.all(Array.from({ length: CONNECTIONS }, () => this.#work()));
    const health = await watch.stop();
    const ended = this.#subject.ended();
    if (ended !== null) this.#find(`the server ended: ${ended}`, 'all', Buffer.alloc(0));
    return {
      sent: this.#sent,
      seconds: (performance.now() - begun) / 1000,
      answers: this.#answers,
      turnedAway: this.#turnedAway,
      sentAgain: this.#sentAgain,
      findings: this.#findings,
      health,
      errors: this.#subject.errors(),
    };
  }

  /** One connection, until there is nothing more to send or enough was found. */
  async #work(): Promise<void> {
    const connection = new KeptConnection(this.#subject.url);
    while (this.#sent < this.#options.requests && this.#findings.length < MOST_FINDINGS) {
      if (this.#subject.ended() !== null || performance.now() > this.#until) break;
      const { group, hostile } = this.#next();
      if (hostile !== null) this.#countHostile(hostile, await sendHostile(this.#subject.url, hostile));
      if (group.length > 0) await this.#send(connection, group);
    }
    connection.close();
  }

  /** A few requests that go out at once, up to one whose bytes are harmed. */
  #next(): { group: FuzzRequest[]; hostile: Buffer | null } {
    const group: FuzzRequest[] = [];
    const many = 1 + (this.#sent % MOST_AT_ONCE);
    for (let each = 0; each < many; each += 1) {
      if (this.#batch.length === 0) this.#refill();
      const next = this.#batch.pop();
      if (next === undefined) break;
      const first = Math.floor(this.#sent / REQUESTS_EACH) * PEOPLE_AT_ONCE;
      const person = first + (next.recipe.who % PEOPLE_AT_ONCE);
      const request = requestOf(next.recipe, person, this.#kept);
      this.#sent += 1;
      if (next.harm !== null) return { group, hostile: harmed(request.bytes, next.harm) };
      group.push(request);
    }
    return { group, hostile: null };
  }

  #refill(): void {
    const { seed, onProgress } = this.#options;
    const harm = fc.oneof({ weight: 14, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: harms });
    const one = fc.record({ recipe: recipes, harm });
    this.#batch = fc.sample(one, { numRuns: BATCH, seed: seed + this.#batches });
    this.#batches += 1;
    const first = Math.floor(this.#sent / REQUESTS_EACH) * PEOPLE_AT_ONCE;
    this.#kept.forget(first);
    for (let each = 0; each < SIGNED_IN_EACH_BATCH; each += 1)
      void this.#signSomebodyIn(first + ((this.#batches * SIGNED_IN_EACH_BATCH + each) % PEOPLE_AT_ONCE));
    onProgress(this.#sent);
  }

  /** So that there are tokens and tickets, whatever was guessed. */
  async #signSomebodyIn(person: number): Promise<void> {
    const server = remoteServer(this.#subject.url);
    const email = this.#subject.people[person]?.email ?? '';
    await Promise.all(
      [...DOORS, NATIVE_DOOR].map(async ({ path, body, headers }) => {
        const answer = await server.post(path, body({ email, password: PASSWORD }), headers);
        this.#kept.takeFrom(person, answer.body);
      }),
    ).catch(() => undefined);
  }

  async #send(connection: KeptConnection, group: readonly FuzzRequest[]): Promise<void> {
    const attempt = () => connection.exchange(group).catch(() => ({ answers: [], silent: true }));
    let { answers, silent } = await attempt();
    if (answers.length === 0 && !silent) {
      // The server had closed it as idle at the same moment (RFC 9112 §9.5).
      connection.close();
      ({ answers, silent } = await attempt());
    }
    for (const [index, request] of group.entries()) {
      const answer = answers[index];
      if (answer !== undefined) this.#count(request, answer);
      else if (index > answers.length) continue;
      else if (silent || index === 0) this.#find('no answer', request.route, request.bytes);
    }
    if (answers.length === group.length) return;
    connection.close();
    // Those behind an answer that closed the connection.
    const rest = group.slice(Math.max(1, answers.length));
    this.#sentAgain += rest.length;
    if (rest.length > 0) await this.#send(connection, rest);
  }

  #count(request: FuzzRequest, answer: WireAnswer): void {
    const { status, body } = answer;
    this.#countStatus(request.route, status);
    const wrong = whatIsWrong(answer);
    if (status === 503 && wrong === null) this.#turnedAway += 1;
    if (wrong !== null) this.#find(`${wrong}: ${body.slice(0, 200)}`, request.route, request.bytes);
    if (body.startsWith('{') || body.startsWith('[')) this.#kept.takeFrom(request.person, parsed(body));
  }

  #countHostile(bytes: Buffer, statuses: readonly number[]): void {
    if (statuses.length === 0) this.#countStatus('harmed bytes', 0);
    for (const status of statuses) {
      this.#countStatus('harmed bytes', status);
      if (status >= 500 && status !== 503) this.#find(`answered ${status}`, 'harmed bytes', bytes);
    }
  }

  #countStatus(route: string, status: number): void {
    const counts = this.#answers.get(route) ?? new Map<number, number>();
    counts.set(status, (counts.get(status) ?? 0) + 1);
    this.#answers.set(route, counts);
  }

  #find(what: string, route: string, bytes: Buffer): void {
    this.#findings.push({ what, route, replay: bytes.toString('base64') });
  }
}
