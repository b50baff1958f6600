import {
  ARGON2_FLOOR,
  BETTER_AUTH,
  ECHO_FLOOR,
  EXPRESS,
  JOSE_FLOOR,
  LATCHKEY,
  OIDC_PROVIDER,
} from '../contenders/names.ts';
import { NOISY_SPREAD, spread } from '../rounds.ts';
import { number, percent, table } from './markdown.ts';
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
    number(figure.size).replace(/\.0*$/, ''),
    `${number(figure.value)}${figure.isNoisy ? ' (noisy)' : ''}`,
    ratio(results, figure),
    number(figure.load?.p50Milliseconds),
    number(figure.load?.p99Milliseconds),
    number(figure.load?.serverCpuMilliseconds),
    percent(figure.load?.clientCpuShare),
    percent(figure.load?.othersCpuShare),
    percent(spread(figure.rounds)),
    answersOf(figure),
  ]);
  const columns = ['subject', 'connections', 'a second', 'Latchkey has', 'p50 ms', 'p99 ms'];
  return table(
    [...columns, 'server CPU ms each', 'client CPU', 'other CPU', 'spread', 'other answers'],
    rows,
  );
}

function floodTable(results: Results): string {
  const rows = of(results, 'cheap-flood').map((figure) => {
    const quiet = results.figures.find(
      ({ measure, subject }) => measure === 'cheap-quiet' && subject === figure.subject,
    );
    const ours = find(results, 'cheap-flood', LATCHKEY, figure.size);
    return [
      figure.subject,
      number(quiet?.value),
      number(figure.load?.p50Milliseconds),
      number(figure.value),
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
      number(results.figures.find((each) => each.measure === measure && each.subject === subject)?.value),
    ),
  ]);
  return table(['subject', ...Object.keys(columns)], rows);
}

function alone(results: Results): string {
  const texts: Readonly<Partial<Record<Measure, string>>> = {
    'memory-sessions-begun': 'memory when that many sessions have just been begun, MiB',
    'memory-sessions': '– and while they stand, MiB',
    'start-existing': 'start on a store of that many accounts, ms',
    'import-hashes': 'import, hashes given, accounts a second',
    'import-scattered': '– with ids, user names and addresses in no order',
    'import-memory': '– their memory at most, MiB',
    'import-plain': 'import, plain passwords, part of raw argon2id',
    'cpu-hash': 'CPU ms of a sign-in: hashing threads',
    'cpu-main': '– main thread: HTTP, JSON, reading, signing',
    'cpu-others': '– the rest: the store’s writer, V8, the pool',
  };
  const rows = Object.entries(texts).flatMap(([measure, text]) =>
    of(results, measure as Measure)
      .filter(({ subject }) => subject === LATCHKEY)
      .map((figure) => [text, number(figure.size).replace(/\.0*$/, ''), number(figure.value)]),
  );
  return table(['Latchkey, SQLite', 'size', 'figure'], rows);
}

function verificationTable(results: Results): string {
  const rows = of(results, 'verification').map((figure) => [
    figure.subject,
    number(figure.size).replace(/\.0*$/, ''),
    number(figure.value),
  ]);
  return table(['checked inside a resource server, ES256', 'at once', 'a second'], rows);
}

/** What a target came to, in words. */
export function verdictLine({
  what,
  unit,
  isFloor,
  limit,
  aim,
  measured,
  verdict,
  isAimReached,
}: Verdict): string[] {
  const shown = (value: number | null) => (value === null ? '–' : `${number(value)} ${unit}`.trim());
  const bound = limit === 0 ? '–' : `${isFloor ? 'at least' : 'at most'} ${shown(limit)}`;
  const word = limit === 0 && verdict === 'reached' ? (isAimReached ? 'aim reached' : 'aim missed') : verdict;
  return [what, bound, shown(aim), shown(measured), isAimReached && limit !== 0 ? 'reached, aim too' : word];
}

/** The targets as a table. */
export const targetTable = (results: Results): string =>
  table(['target', 'bound', 'aim', 'measured', 'verdict'], verdicts(results).map(verdictLine));

/** Where and when, in one line. */
export function provenance({ machine, node, date, kind, accounts }: Results): string {
  return `${date.slice(0, 10)}, ${machine.cores} cores (${machine.model}), ${machine.memoryGib} GiB, ${machine.system}, Node.js ${node}, ${number(accounts).replace(/\.0*$/, '')} accounts, ${kind} run`;
}

/** What other programs may have of the machine before nothing that was measured means anything. */
const QUIET_SHARE = 0.1;

/**
 * The most that other programs had of the machine in the middle round of a figure. Where PostgreSQL or another load is a
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
          `The machine was not quiet: other programs had up to ${percent(others)} of it in the middle round of a figure.`,
        ]
      : []),
    ...wrong,
  ];
}

/** How quiet the machine was. */
export function quiet(results: Results): string {
  const noisy = results.figures.filter(({ isNoisy, load }) => isNoisy && load !== null).length;
  return `Other programs had at most ${percent(othersShare(results))} of the machine in the middle round of a figure. ${noisy} figures stayed noisy: rounds spread over more than ${percent(NOISY_SPREAD)} after all repeats. It took ${number(results.minutes)} minutes.`;
}

/** The whole report. */
export function report(results: Results): string {
  return `<!-- Made by \`npm run bench\`. -->

# Latchkey beside others

${provenance(results)}.

${warnings(results)
  .map((warning) => `**${warning}**\n\n`)
  .join(
    '',
  )}${quiet(results)} Medians; read the ratios. [bench/README.md](../README.md) says what is measured, how, and what not.

## Targets

${targetTable(results)}

## Password sign-ins

The floor is \`${ARGON2_FLOOR}\`; its CPU is that of one hash.

${loadTable(results, 'sign-in')}

## Durable refreshes, each of what the last one gave

The floor is \`${ECHO_FLOOR}\`. ${BETTER_AUTH.split(',')[0]} has no refresh tokens.

${loadTable(results, 'refresh')}

## Session checks

Latchkey, Better Auth and ${OIDC_PROVIDER} refuse what was revoked at once; ${EXPRESS} and the cookie cache do not know it until the token ends.

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
