import { setTimeout } from 'node:timers/promises';
import { PASSWORD } from '../scenarios.ts';
import type { Contender, Running, Session } from './contender.ts';

const AT_ONCE = 8;
const BUSY_MILLISECONDS = 300;
const MOST_TRIES = 40;

/** Where fresh sessions of a contender come from: its sign-in, or what it began with, each handed out once, however often it starts. */
export class SessionSource {
  /** Whose they are. */
  readonly contender: Contender;
  #used = 0;

  constructor(contender: Contender) {
    this.contender = contender;
  }

  async take(running: Running, count: number): Promise<Session[]> {
    const from = this.#used;
    this.#used += count;
    const prepared = this.contender.prepared?.();
    if (prepared !== undefined) {
      if (this.#used > prepared.length) throw new Error(`${this.contender.name} has no more sessions`);
      return prepared.slice(from, this.#used);
    }
    const sessions: Session[] = [];
    for (let at = 0; at < count; at += AT_ONCE) {
      const indices = Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, index) => at + index);
      sessions.push(...(await Promise.all(indices.map((index) => this.#signIn(running, index)))));
    }
    return sessions;
  }

  /** A server that has just been under load may turn people away for a moment. */
  async #signIn(running: Running, index: number): Promise<Session> {
    const url = running.urls[index % running.urls.length] ?? '';
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const session = await this.contender.dialect.signIn?.(url, `person${index}`, PASSWORD);
      if (session) return session;
      await setTimeout(BUSY_MILLISECONDS);
    }
    throw new Error(`${this.contender.name} signs nobody in`);
  }
}
