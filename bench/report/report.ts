import {
  ARGON2_FLOOR,
  BETTER_AUTH,
  ECHO_FLOOR,
  EXPRESS,
  EXPRESS_LOOKUP,
  JOSE_FLOOR,
  LATCHKEY,
  OIDC_PROVIDER,
} from '../contenders/names.ts';
import { SIGN_IN_STEPS } from '../measures/sign-in-steps.ts';
import { NOISY_SPREAD, spread } from '../rounds.ts';
import { count, number, percent, table } from './markdown.ts';
import { isAboveFloor, isNoisyFigure, marked } from './marks.ts';
import { type Figure, find, type Measure, type Results } from './results.ts';
import { type Verdict, verdicts } from './targets.ts';

const of = (results: Results, ...measures: Measure[]) =>
  results.figures.filter(({ measure }) => measures.includes(measure));

/** Latchkey's figure as a multiple of this one, at the same size. */
function ratio(results: Results, figure: Figure): string {
  const ours = find(results, figure.measure, LATCHKEY, figure.size);
  return ours === undefined || ours === figure ? '' : `${number(ours.value / figure.value)} ×`;
}

const answersOf = (figure: Figure) =>
  Object.entries(figure.load?.otherAnswers ?? {})
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ') || '0';

function loadTable(results: Results, measure: Measure): string {
  const rows = of(results, measure).map((figure) => [
    figure.subject,
    count(figure.size),
    marked(results, figure),
    ratio(results, figure),
    number(figure.load?.p50Milliseconds),
    number(figure.load?.p99Milliseconds),
    number(figure.load?.firstAnswerP99Milliseconds),
    number(figure.load?.serverCpuMilliseconds),
    percent(figure.load?.clientCpuShare),
    percent(figure.load?.othersCpuShare),
    percent(spread(figure.rounds)),
    answersOf(figure),
  ]);
  const columns = ['subject', 'connections', 'a second', 'Latchkey has', 'p50 ms', 'p99 ms'];
  return table(
    [
      ...columns,
      'first answer p99 ms',
      'server CPU ms each',
      'client CPU',
      'other CPU',
      'spread',
      'other answers',
    ],
    rows,
  );
}

/** Password sign-ins, a row for each subject and number of connections. */
export const signInTable = (results: Results): string => loadTable(results, 'sign-in');

/** Who is measured with few connections and not with many: a window has no room for what takes as long. */
function leftOut(results: Results): string {
  const all = of(results, 'sign-in');
  const [subjects, sizes] = [
    new Set(all.map(({ subject }) => subject)),
    new Set(all.map(({ size }) => size)),
  ];
  const missing = [...subjects].flatMap((subject) => {
    const without = [...sizes].filter((size) => find(results, 'sign-in', subject, size) === undefined);
    return without.length === 0 ? [] : [`${subject} at ${without.map(count).join(' and ')}`];
  });
  return missing.length === 0
    ? ''
    : ` Left out, because a round would not have room for twice as many sign-ins as there are connections: ${missing.join('; ')}.`;
}

function floodTable(results: Results): string {
  const rows = of(results, 'cheap-flood').map((figure) => {
    const quiet = results.figures.find(
      ({ measure, subject }) => measure === 'cheap-quiet' && subject === figure.subject,
    );
    const ours = find(results, 'cheap-flood', LATCHKEY, figure.size);
    return [
      figure.subject,
      marked(results, quiet),
      number(figure.load?.p50Milliseconds),
      marked(results, figure),
      figure === ours || ours === undefined ? '' : `${number(figure.value / ours.value)} ×`,
      answersOf(figure),
    ];
  });
  const columns = ['subject', 'quiet, p99 ms', 'flood, p50 ms', 'flood, p99 ms', 'Latchkey’s is lower by'];
  return table([...columns, 'other answers'], rows);
}

/** A row for each subject, with a column for each thing of which there is one figure. */
function standingTable(results: Results): string {
  const columns = {
    'start, new store ms': 'start-new',
    'start, existing store ms': 'start-existing',
    'memory idle MiB': 'memory-idle',
    'under sign-ins MiB': 'memory-loaded',
    'disk an account, bytes': 'disk-account',
    'disk a sign-in, bytes': 'disk-session',
    packages: 'install-packages',
    'install MiB': 'install-size',
  } as const;
  const subjects = new Set(of(results, 'memory-idle', 'start-existing').map(({ subject }) => subject));
  const rows = [...subjects].map((subject) => [
    subject,
    ...Object.values(columns).map((measure) =>
      marked(
        results,
        results.figures.find((each) => each.measure === measure && each.subject === subject),
      ),
    ),
  ]);
  return table(['subject', ...Object.keys(columns)], rows);
}

/** What a sign-in costs, by thread and by step. */
const COST: Readonly<Partial<Record<Measure, string>>> = {
  'cpu-hash': 'CPU ms of a sign-in: hashing threads',
  'cpu-main': '– main thread',
  ...Object.fromEntries(
    Object.entries(SIGN_IN_STEPS).map(([step, [text]]) => [`cpu-step-${step}`, `– – ${text}`]),
  ),
  'cpu-others': '– the rest: the store’s writer, V8, the pool',
};

/** These figures alone. */
export const costTable = (figures: readonly Figure[]): string =>
  table(
    ['Latchkey, SQLite', 'connections', 'figure'],
    figures.map(({ measure, size, value }) => [COST[measure] ?? measure, count(size), number(value)]),
  );

function alone(results: Results): string {
  const texts: Readonly<Partial<Record<Measure, string>>> = {
    'session-tokens': 'session checks a second at 64 connections, with that many tokens',
    'memory-sessions-begun': 'memory when that many sessions have just been begun, MiB',
    'memory-sessions': '– and while they stand, MiB',
    'start-existing': 'start on a store of that many accounts, ms',
    'import-scattered': 'import, hashes given, ids, user names and addresses in no order, accounts a second',
    'import-hashes': '– in order, the best case',
    'import-memory': '– their memory at most, MiB',
    'import-plain': 'import, plain passwords, part of raw argon2id',
    ...COST,
  };
  const rows = Object.entries(texts).flatMap(([measure, text]) =>
    of(results, measure as Measure)
      .filter(({ subject }) => subject === LATCHKEY)
      .map((figure) => [text, count(figure.size), marked(results, figure)]),
  );
  return table(['Latchkey, SQLite', 'size', 'figure'], rows);
}

function verificationTable(results: Results): string {
  const rows = of(results, 'verification').map((figure) => [
    figure.subject,
    count(figure.size),
    marked(results, figure),
  ]);
  return table(['checked inside a resource server, ES256', 'at once', 'a second'], rows);
}

/** What a target came to, in words. */
function verdictLine({
  what,
  unit,
  isFloor,
  limit,
  aim,
  measured,
  verdict,
  isAimReached,
  isNoisy,
}: Verdict): string[] {
  // What has no unit is counted.
  const shown = (value: number | null) =>
    value === null ? '–' : unit === '' ? count(value) : `${number(value)} ${unit}`;
  const bound = limit === 0 ? '–' : `${isFloor ? 'at least' : 'at most'} ${shown(limit)}`;
  const word = limit === 0 && verdict === 'reached' ? (isAimReached ? 'aim reached' : 'aim missed') : verdict;
  const reached = `${shown(measured)}${isNoisy && measured !== null ? ' (noisy)' : ''}`;
  return [what, bound, shown(aim), reached, isAimReached && limit !== 0 ? 'reached, aim too' : word];
}

/** The targets as a table; a run of one thing has only those that it tells something of. */
export const targetTable = (results: Results): string =>
  table(
    ['target', 'bound', 'aim', 'measured', 'verdict'],
    verdicts(results)
      .filter(({ measured }) => results.kind !== 'sign-ins' || measured !== null)
      .map(verdictLine),
  );

/** Where and when, in one line. */
export function provenance({ machine, node, date, kind, accounts, commit, peers = {} }: Results): string {
  const others = ['better-auth', 'express', 'oidc-provider'].flatMap((name) =>
    peers[name] === undefined ? [] : [`${name} ${peers[name]}`],
  );
  const versions = [...(commit ? [`commit ${commit}`] : []), ...others].map((each) => `, ${each}`).join('');
  return `${date.slice(0, 10)}, ${machine.cores} cores (${machine.model}), ${machine.memoryGib} GiB, ${machine.system}, Node.js ${node}, ${count(accounts)} accounts, ${kind} run${versions}`;
}

/** What other programs may have of the machine before nothing that was measured means anything. */
const QUIET_SHARE = 0.1;

/**
 * The most that others had of the machine in the middle round of a figure, be they subjects that stand by. Where PostgreSQL or another load is a
 * program beside the server, they are no others.
 */
function othersShare(results: Results): number {
  const alone = results.figures.filter(
    ({ measure, subject }) => measure !== 'cheap-flood' && !subject.includes('PostgreSQL'),
  );
  return Math.max(0, ...alone.map(({ load }) => load?.othersCpuShare ?? 0).filter(Number.isFinite));
}

/** What is to be known before a figure is believed: a machine that was not quiet, answers that were not right. */
export function warnings(results: Results): string[] {
  const others = othersShare(results);
  const wrong = results.figures.flatMap(({ measure, subject, size, load }) =>
    Object.entries(load?.otherAnswers ?? {})
      .filter(([status]) => status !== '503')
      .map(([status, count]) => `${subject}, ${measure} at ${size}: ${count} answers were ${status}`),
  );
  return [
    ...(others > QUIET_SHARE
      ? [
          `The machine was not quiet: in the middle round of a figure up to ${percent(others)} of it was neither the measured server’s nor its client’s.`,
        ]
      : []),
    ...wrong,
    ...results.figures
      .filter((figure) => isAboveFloor(results, figure))
      .map(
        ({ measure, subject, size }) =>
          `${subject}, ${measure} at ${size}: more than its floor, which cannot be.`,
      ),
  ];
}

/** The warnings as they stand before anything else. */
export const warningLines = (results: Results): string =>
  warnings(results)
    .map((warning) => `**${warning}**\n\n`)
    .join('');

/** How quiet the machine was. */
export function quiet(results: Results): string {
  const noisy = results.figures.filter(isNoisyFigure).length;
  return `In the middle round of a figure at most ${percent(othersShare(results))} of the machine was neither the measured server’s nor its client’s, but other programs’ or that of subjects that stood by. ${noisy} of ${results.figures.length} figures stayed noisy: rounds spread over more than ${percent(NOISY_SPREAD)} after all repeats. It took ${number(results.minutes)} minutes.`;
}

/** The whole report. */
export function report(results: Results): string {
  return `<!-- Made by \`npm run bench\`. -->

# Latchkey beside others

${provenance(results)}.

${warningLines(results)}${quiet(results)} Medians; read the ratios. [bench/README.md](../README.md) says what is measured, how, and what not.

## Targets

${targetTable(results)}

## Password sign-ins

The floor is \`${ARGON2_FLOOR}\`; its CPU is that of one hash.${leftOut(results)}

${signInTable(results)}

## Durable refreshes, each of what the last one gave

The floor is \`${ECHO_FLOOR}\`. ${BETTER_AUTH.split(',')[0]} has no refresh tokens.

${loadTable(results, 'refresh')}

## Session checks

Latchkey, Better Auth, ${OIDC_PROVIDER} and ${EXPRESS_LOOKUP} refuse what was revoked at once; ${EXPRESS} as it is and the cookie cache do not know it until the token ends.

${loadTable(results, 'session')}

## Session checks at 8 connections while 256 sign in

${floodTable(results)}

## Standing

${standingTable(results)}

## Alone

${alone(results)}

${verificationTable(results)}

\`${JOSE_FLOOR}\` is the floor: it knows nothing of sessions that have ended.
`;
}
