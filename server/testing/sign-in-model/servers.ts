import type { Answer } from '../app.ts';
import type { TestCore } from '../core.ts';
import { type MortalServer, startMortalServer } from '../mortal-server.ts';
import { type Asked, bearer } from './wire.ts';

/** How many servers there are on the one store. */
export const SERVERS = 2;

/** Where a server may die in the middle of a request, by the statement of the commit at which it does. */
const POINTS = {
  'issuing a session': /INSERT INTO sessions/,
  'rotating a refresh token': /UPDATE sessions SET counter = counter \+ 1/,
  'counting a failure': /failures = failures \+ 1/,
} as const;

/** One of them. */
export type Point = keyof typeof POINTS;

/** The servers, side by side: each request goes to one of them, and each of them may die at any time. */
export class Servers {
  readonly #core: TestCore;
  readonly #alive = new Map<number, MortalServer>();
  #turn = 0;

  constructor(core: TestCore) {
    this.#core = core;
  }

  /** Starts those that are not there. */
  async start(): Promise<void> {
    for (let place = 0; place < SERVERS; place += 1)
      if (!this.#alive.has(place)) this.#alive.set(place, await startMortalServer(this.#core));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#alive.values()].map((server) => server.stop()));
  }

  /** Whose turn it is to be asked, by its place. */
  turnTo(place: number): void {
    this.#turn = place;
  }

  /** Posts. @param after how many places after the one whose turn it is */
  post([path, body, headers = {}]: Asked, after = 0): Promise<Answer> {
    return this.#at(this.#turn + after).post(path, body, headers);
  }

  /** Asks with a bearer token. */
  call(method: string, path: string, token: string): Promise<Answer> {
    return this.#at(this.#turn).request(method, path, { headers: bearer(token) });
  }

  /** Kills the one whose turn it is, and starts another in its place. */
  async crash(): Promise<void> {
    const dead = this.#at(this.#turn);
    this.#alive.delete(this.#turn);
    await dead.kill();
    await this.start();
  }

  /**
   * Posts to the one whose turn it is, which dies if it comes to that point. @param isCommitted whether it dies when the commit
   * is on disk, or before @returns null when it has died, and another is in its place
   */
  async postToDeath(
    [path, body, headers = {}]: Asked,
    point: Point,
    isCommitted: boolean,
  ): Promise<Answer | null> {
    const server = this.#at(this.#turn);
    const fate = server.dieAt(POINTS[point], isCommitted);
    const answer = await server.post(path, body, headers).catch((error: Error) => {
      if (!fate.isDead()) throw error;
      return null;
    });
    if (fate.isDead()) await this.crash();
    else fate.avert();
    return answer;
  }

  #at(place: number): MortalServer {
    const server = this.#alive.get(place % SERVERS);
    if (server === undefined) throw new Error('there is no such server');
    return server;
  }
}
