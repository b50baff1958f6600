import { randomBytes } from 'node:crypto';
import { createDatabase, type PostgresServer, startPostgres } from '../../server/testing/postgres.ts';
import { makeWorkplace, type Workplace } from '../../server/testing/process.ts';

/** How much of a fault is run: a little, at every change; or as much as the figures are promised for. */
export type Scale = 'short' | 'full';

/** Something that was counted or measured, and whether it is what was promised. */
export interface Figure {
  readonly what: string;
  readonly seen: string;
  readonly promised: string;
  readonly holds: boolean;
}

/** A fault that is really made, and what is seen of the program while it lasts and after it. */
export interface Fault {
  /** The row of the reliability bar that it shows. */
  readonly id: string;
  /** What it is called on the command line. */
  readonly name: string;
  /** What is promised, in one sentence. */
  readonly promise: string;
  /** What the machine lacks to make it; null when it can be made. */
  readonly missing?: () => string | null;
  readonly run: (drill: Drill) => Promise<readonly Figure[]>;
}

/** The engines that the product keeps its data on. */
export const ENGINES = ['sqlite', 'postgres'] as const;

/** What a fault is made with. Whatever it started is ended by `end`, the last first. */
export interface Drill {
  readonly scale: Scale;
  /** How long a fault that takes its time lasts; null for as long as it does by itself. */
  readonly minutes: number | null;
  /** What promised times are multiplied by: the short form runs beside other work and looks for what is out of all proportion. */
  readonly patience: number;
  /** Says how far it is. */
  readonly progress: (text: string) => void;
  /** A PostgreSQL server of this drill's own, which it may stop and break. */
  postgres(): Promise<PostgresServer>;
  /** An empty database on it, its schema not made yet. */
  database(server: PostgresServer): Promise<string>;
  /** A folder to run the program in. @param settings as environment variables @param program another one than was built */
  workplace(settings?: Readonly<Record<string, string>>, program?: string): Workplace;
  /** Has something ended with the drill. */
  later(end: () => Promise<unknown> | unknown): void;
}

/** A drill, and what ends it. */
export function startDrill(
  scale: Scale,
  progress: (text: string) => void,
  minutes: number | null = null,
): { readonly drill: Drill; end(): Promise<void> } {
  const ends: (() => Promise<unknown> | unknown)[] = [];
  const secret = randomBytes(32).toString('base64');
  const drill: Drill = {
    scale,
    minutes,
    progress,
    patience: scale === 'short' ? 4 : 1,
    async postgres() {
      const server = await startPostgres();
      ends.push(() => server.stop());
      return server;
    },
    database: (server) => createDatabase(server.url),
    workplace(settings = {}, program) {
      const base = { LATCHKEY_SECRETS_KEY: secret, LATCHKEY_PUBLIC_URL: 'https://id.example.com' };
      const work = makeWorkplace({ ...base, ...settings }, program);
      ends.push(() => work.remove());
      return work;
    },
    later: (end) => ends.push(end),
  };
  return {
    drill,
    async end() {
      for (const each of ends.toReversed()) await each();
    },
  };
}

/** A number that must be nought. */
export function none(what: string, count: number): Figure {
  return { what, seen: String(count), promised: '0', holds: count === 0 };
}

/** Times of which none may be longer than that. */
export function within(what: string, milliseconds: readonly number[], limit: number): Figure {
  const longest = Math.max(0, ...milliseconds);
  return {
    what,
    seen: `${seconds(longest)} (of ${milliseconds.length})`,
    promised: `≤ ${seconds(limit)}`,
    holds: milliseconds.length > 0 && longest <= limit,
  };
}

/** Something that must have happened at least that often: else nothing was shown. */
export function atLeast(what: string, count: number, least: number): Figure {
  return { what, seen: String(count), promised: `≥ ${least}`, holds: count >= least };
}

/** Something that is or is not so. */
export function isTrue(what: string, holds: boolean): Figure {
  return { what, seen: holds ? 'yes' : 'no', promised: 'yes', holds };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** Waits. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Asks again and again until it is so; gives the milliseconds that took, or Infinity when it took longer than `limit`. */
export async function until(isSo: () => Promise<boolean>, limit: number): Promise<number> {
  const begun = performance.now();
  while (performance.now() - begun < limit) {
    if (await isSo().catch(() => false)) return performance.now() - begun;
    await pause(20);
  }
  return Number.POSITIVE_INFINITY;
}
