import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { LoadSummary } from '../load-client.ts';
import type { SignInStep } from '../measures/sign-in-steps.ts';
import { median } from '../recorder.ts';

/** What is measured. */
export type Measure =
  | 'sign-in'
  | 'refresh'
  | 'session'
  | 'session-tokens'
  | 'cheap-quiet'
  | 'cheap-flood'
  | 'verification'
  | 'start-new'
  | 'start-existing'
  | 'memory-idle'
  | 'memory-loaded'
  | 'memory-sessions'
  | 'memory-sessions-begun'
  | 'disk-account'
  | 'disk-session'
  | 'import-hashes'
  | 'import-scattered'
  | 'import-memory'
  | 'import-plain'
  | 'cpu-hash'
  | 'cpu-main'
  | `cpu-step-${SignInStep}`
  | 'cpu-others'
  | 'install-packages'
  | 'install-size';

/** What is known of a figure that came from requests. */
export interface LoadFacts {
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  /** Until the first answer, be it that somebody is to come back later; results before it was told apart have none. */
  readonly firstAnswerP99Milliseconds?: number;
  readonly clientCpuShare: number;
  readonly serverCpuMilliseconds: number;
  readonly othersCpuShare: number;
  /** Answers that were not 200, or not right, by their status, over all rounds. */
  readonly otherAnswers: Readonly<Record<string, number>>;
}

/** A figure: the median of all its rounds. */
export interface Figure {
  readonly measure: Measure;
  readonly subject: string;
  /** How many connections asked, or another size that the figure is for; null where there is none. */
  readonly size: number | null;
  readonly value: number;
  readonly rounds: readonly number[];
  readonly load: LoadFacts | null;
}

/** All that a run measured, and where. */
export interface Results {
  readonly kind: 'quick' | 'full' | 'sign-ins';
  readonly date: string;
  readonly machine: {
    readonly cores: number;
    readonly model: string;
    readonly memoryGib: number;
    readonly system: string;
  };
  readonly node: string;
  /** What was measured; results from before it was noted have none, nor has a folder that is no clone. */
  readonly commit?: string | null;
  /** The versions of the others, by their packages. */
  readonly peers?: Readonly<Record<string, string>>;
  readonly accounts: number;
  readonly minutes: number;
  readonly figures: readonly Figure[];
}

/** This machine. */
export function thisMachine(): Results['machine'] {
  return {
    cores: availableParallelism(),
    model: cpus()[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
  };
}

/** The commit that is checked out, with a mark where files differ from it; null where this is no clone. */
export function thisCommit(): string | null {
  try {
    const args = ['describe', '--always', '--dirty', '--exclude=*'];
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

/** What a run's results are called. A second run of a day does not take the place of the first: what documents quote stays. */
export const nameOfResults = (date: string, kind: string) =>
  `${date.slice(0, 16).replace(/\D/g, '-')}-${kind}.json`;

/** A figure of which there is nothing but its rounds. */
export function plainFigure(
  measure: Measure,
  subject: string,
  size: number | null,
  rounds: readonly number[],
): Figure {
  return { measure, subject, size, value: median(rounds), rounds, load: null };
}

/**
 * A figure that came from requests.
 * @param of what of each round the figure is
 */
export function loadFigure(
  key: Pick<Figure, 'measure' | 'subject' | 'size'>,
  runs: readonly LoadSummary[],
  of: 'perSecond' | 'p99Milliseconds',
): Figure {
  const middle = (name: Exclude<keyof LoadSummary, 'statuses'>) => median(runs.map((run) => run[name]));
  const otherAnswers: Record<string, number> = {};
  for (const [status, times] of runs.flatMap(({ statuses }) => Object.entries(statuses)))
    if (status !== '200') otherAnswers[status] = (otherAnswers[status] ?? 0) + times;
  const rounds = runs.map((run) => run[of]);
  return {
    ...key,
    value: median(rounds),
    rounds,
    load: {
      p50Milliseconds: middle('p50Milliseconds'),
      p99Milliseconds: middle('p99Milliseconds'),
      firstAnswerP99Milliseconds: middle('firstAnswerP99Milliseconds'),
      clientCpuShare: middle('clientCpuShare'),
      serverCpuMilliseconds: middle('serverCpuMilliseconds'),
      othersCpuShare: middle('othersCpuShare'),
      otherAnswers,
    },
  };
}

/** A figure that was measured, or undefined. */
export function find(
  results: Results,
  measure: Measure,
  subject: string,
  size: number | null = null,
): Figure | undefined {
  return results.figures.find(
    (figure) => figure.measure === measure && figure.subject === subject && figure.size === size,
  );
}
