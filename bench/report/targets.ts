import {
  ARGON2_FLOOR,
  BETTER_AUTH,
  BETTER_AUTH_DEFAULT,
  EXPRESS,
  LATCHKEY,
  OIDC_PROVIDER,
} from '../contenders/names.ts';
import { find, type Measure, type Results } from './results.ts';

/** What a figure is to be. */
interface Target {
  readonly what: string;
  readonly unit: string;
  /** Whether more is better. */
  readonly isFloor: boolean;
  readonly limit: number;
  /** What is aimed at beyond it. */
  readonly aim: number | null;
  /** Undefined where it was not measured. */
  value(results: Results): number | undefined;
}

/** A target beside what was measured. */
export interface Verdict extends Omit<Target, 'value'> {
  readonly measured: number | null;
  readonly verdict: 'reached' | 'missed' | 'not measured';
  readonly isAimReached: boolean;
}

const CONNECTIONS = 64;
const FLOOD_CONNECTIONS = 256;
const MANY = 1_000_000;
const IMPORT_SECONDS = 120;

/** A figure; undefined, too, where nothing was answered: what is no number is null in a file. */
function figureOf(
  results: Results,
  measure: Measure,
  subject: string,
  size: number | null,
): number | undefined {
  const value: number | null | undefined = find(results, measure, subject, size)?.value;
  return Number.isFinite(value) ? (value ?? undefined) : undefined;
}

/** Latchkey's figure as a multiple of another's. */
const times =
  (measure: Measure, other: string, size: number | null) =>
  (results: Results): number | undefined => {
    const ours = figureOf(results, measure, LATCHKEY, size);
    const theirs = figureOf(results, measure, other, size);
    return ours === undefined || theirs === undefined ? undefined : ours / theirs;
  };

const ours =
  (measure: Measure, size: number | null = null) =>
  (results: Results): number | undefined =>
    figureOf(results, measure, LATCHKEY, size);

const atLeast = (
  what: string,
  unit: string,
  limit: number,
  aim: number | null,
  value: Target['value'],
): Target => ({ what, unit, isFloor: true, limit, aim, value });

const atMost = (
  what: string,
  unit: string,
  limit: number,
  aim: number | null,
  value: Target['value'],
): Target => ({ what, unit, isFloor: false, limit, aim, value });

/** The part of the floor that sign-ins reach at 8 and more connections, at the worst number of them. */
function shareOfFloor(results: Results): number | undefined {
  const shares = [8, 64, 256].map((size) => times('sign-in', ARGON2_FLOOR, size)(results));
  const known = shares.filter((share) => share !== undefined);
  return known.length === 0 ? undefined : Math.min(...known) * 100;
}

function floodRatio(results: Results): number | undefined {
  const ratio = times('cheap-flood', BETTER_AUTH, FLOOD_CONNECTIONS)(results);
  return ratio === undefined ? undefined : 1 / ratio;
}

const secondsOfImport =
  (measure: Measure) =>
  (results: Results): number | undefined => {
    const perSecond = ours(measure, MANY)(results);
    return perSecond === undefined ? undefined : MANY / perSecond;
  };

const TARGETS: readonly Target[] = [
  atLeast('sign-ins of raw argon2id, at 8, 64 and 256 connections, the worst', '%', 95, 100, shareOfFloor),
  atLeast(
    'sign-ins of Better Auth’s with argon2id',
    '×',
    1.2,
    1.4,
    times('sign-in', BETTER_AUTH, CONNECTIONS),
  ),
  atLeast(
    'sign-ins of Better Auth’s as it comes',
    '×',
    7,
    8,
    times('sign-in', BETTER_AUTH_DEFAULT, CONNECTIONS),
  ),
  atLeast('refreshes of oidc-provider’s', '×', 4, null, times('refresh', OIDC_PROVIDER, CONNECTIONS)),
  atLeast('refreshes of the hand-written server’s', '×', 1.5, null, times('refresh', EXPRESS, CONNECTIONS)),
  atLeast('refreshes a second', '/s', 0, 10_000, ours('refresh', CONNECTIONS)),
  atLeast('session checks of Better Auth’s', '×', 8, 30, times('session', BETTER_AUTH, CONNECTIONS)),
  atLeast(
    'session checks of the hand-written server’s',
    '×',
    1.5,
    null,
    times('session', EXPRESS, CONNECTIONS),
  ),
  atLeast('session checks a second', '/s', 0, 40_000, ours('session', CONNECTIONS)),
  atMost('session check while 256 sign in, p99', 'ms', 20, 5, ours('cheap-flood', FLOOD_CONNECTIONS)),
  atLeast('the same, lower than Better Auth’s', '×', 100, null, floodRatio),
  atMost('memory idle', 'MiB', 110, 80, ours('memory-idle')),
  atMost('memory under sign-ins', 'MiB', 180, 150, ours('memory-loaded')),
  atMost('memory at 100,000 sessions', 'MiB', 200, 150, ours('memory-sessions', 100_000)),
  atMost('start-up, new store', 'ms', 400, 140, ours('start-new')),
  atMost('start-up, store of 1,000,000 accounts', 'ms', 1000, 300, ours('start-existing', MANY)),
  atMost(
    'import of 1,000,000 accounts with hashes',
    's',
    IMPORT_SECONDS,
    null,
    secondsOfImport('import-hashes'),
  ),
  atMost('the same in no order', 's', IMPORT_SECONDS, null, secondsOfImport('import-scattered')),
  atMost('memory of these imports', 'MiB', 300, null, ours('import-memory', MANY)),
  atMost('production install, packages', '', 120, 60, ours('install-packages')),
  atMost('production install, size', 'MiB', 60, 30, ours('install-size')),
];

/** Every target beside what was measured. */
export function verdicts(results: Results): Verdict[] {
  return TARGETS.map(({ value, ...target }) => {
    const given = value(results);
    const measured = given !== undefined && Number.isFinite(given) ? given : null;
    const meets = (limit: number) =>
      measured !== null && (target.isFloor ? measured >= limit : measured <= limit);
    const verdict = measured === null ? 'not measured' : meets(target.limit) ? 'reached' : 'missed';
    return { ...target, measured, verdict, isAimReached: target.aim !== null && meets(target.aim) };
  });
}
