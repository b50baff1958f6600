import type { Answer } from '../app.ts';
import type { TestCore } from '../core.ts';
import { type MortalServer, startMortalServer } from '../mortal-server.ts';
import { type Asked, bearer } from './wire.ts';

/** How many servers there are on the one store. */
export const SERVERS = 2;

/** The servers, side by side: each request goes to one of them, and each of them may die at any time. */
export class Servers {
  readonly #core: TestCore;
  readonly #alive: MortalServer[] = [];
  #turn = 0;

  constructor(core: TestCore) {
    this.#core = core;
  }

  async start(): Promise<void> {
    while (this.#alive.length < SERVERS) this.#alive.push(await startMortalServer(this.#core));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#alive.splice(0).map((server) => server.stop()));
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
    await this.#at(this.#turn).kill();
    this.#alive[this.#turn % SERVERS] = await startMortalServer(this.#core);
  }

  #at(place: number): MortalServer {
    const server = this.#alive[place % SERVERS];
    if (server === undefined) throw new Error('the servers have not started');
    return server;
  }
}
