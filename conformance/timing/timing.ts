import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../../bench/recorder.ts';
import { environment, PROGRAM, start } from '../../bench/subject.ts';
import { auc, aucInterval, BAND, isOutside, outsideInAll, type PairAuc } from './auc.ts';
import { type Measured, measure } from './measure.ts';
import { directoryFor, TIMED_DOORS, type TimedDoor } from './reasons.ts';

// Whether the reason of a refusal can be told by the time it takes: every reason at every contract, interleaved at random,
// each attempt on an account of its own, the first tenth dropped. For each pair of reasons the probability that an attempt
// of the one takes longer than one of the other (AUC): 0.5 when nothing can be told. Reasons that a contract answers with
// different statuses are not compared: they are told apart by that. A pair is outside when its AUC is not within 0.45 to 0.55 and
// its bootstrap interval leaves 0.5 out; then the contract is measured again, and it fails when the same pair is outside in
// three of three. Ends with 1 when a contract fails. A hundred samples tell little; the machine should have nothing else to do.

const RUNS = 3;

const USAGE = `usage: npm run timing -- [--samples N] [--contract NAME] [--at-once N] [--held MS]

  --samples N      attempts for each reason of a refusal, 400 by default; a hundred tell little
  --contract NAME  only this: ${TIMED_DOORS.map(({ contract }) => contract).join(', ')}
  --at-once N      attempts that are on their way together, 4 by default
  --held MS        signIn.refusalMilliseconds, 250 by default. With 0 refusals go as soon as they are known, and the
                   program must fail; a machine that has other things to do needs more
`;

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '400' },
    contract: { type: 'string' },
    'at-once': { type: 'string', default: '4' },
    held: { type: 'string', default: '250' },
    help: { type: 'boolean' },
  },
});
const samples = Number(values.samples);
const atOnce = Number(values['at-once']);
const heldMilliseconds = Number(values.held);
const doors = TIMED_DOORS.filter(
  ({ contract }) => values.contract === undefined || contract === values.contract,
);

interface Pair extends PairAuc {
  readonly first: Measured;
  readonly second: Measured;
}

function pairsOf(measured: readonly Measured[]): Pair[] {
  return measured.flatMap((first, index) =>
    measured
      .slice(index + 1)
      .filter((second) => first.status === second.status)
      .map((second) => ({
        between: [first.reason, second.reason].sort().join(' / '),
        auc: auc(first.times, second.times),
        interval: aucInterval(first.times, second.times, Math.random),
        first,
        second,
      })),
  );
}

const shown = (value: number, digits = 3) => value.toFixed(digits);
const row = (name: string, ...cells: readonly string[]) =>
  console.log(`  ${name.padEnd(26)}${cells.map((cell) => cell.padStart(10)).join('')}`);

/** Prints one run at one contract. */
function report(measured: readonly Measured[], pairs: readonly Pair[]): void {
  const quantile = (times: readonly number[], part: number) =>
    times.toSorted((one, other) => one - other)[Math.floor(times.length * part)] ?? Number.NaN;
  row('reason', 'status', 'samples', 'p10 ms', 'median', 'p90 ms', 'lowest AUC', 'highest');
  for (const one of measured.toSorted((a, b) => a.status - b.status)) {
    const aucs = pairs.flatMap((pair) =>
      pair.first === one ? [pair.auc] : pair.second === one ? [1 - pair.auc] : [],
    );
    row(
      one.reason,
      String(one.status),
      String(one.times.length),
      ...[0.1, 0.5, 0.9].map((part) => shown(quantile(one.times, part), 1)),
      ...(aucs.length === 0 ? ['–', '–'] : [shown(Math.min(...aucs)), shown(Math.max(...aucs))]),
    );
  }
  const farthest = pairs.toSorted((a, b) => Math.abs(b.auc - 0.5) - Math.abs(a.auc - 0.5));
  for (const [index, pair] of farthest.entries()) {
    if (index > 0 && !isOutside(pair)) continue;
    const [low, high] = pair.interval;
    const apart = Math.abs(median([...pair.first.times]) - median([...pair.second.times]));
    console.log(
      `  ${isOutside(pair) ? 'OUTSIDE ' : 'farthest'}  ${shown(pair.auc)} (${shown(low)} to ${shown(high)}), medians ${shown(apart, 2)} ms apart: ${pair.between}`,
    );
  }
}

/** Measures a contract, and again as long as the same pairs are outside. @returns those that were in three of three */
async function failuresAt(door: TimedDoor, url: string): Promise<string[]> {
  const runs: Pair[][] = [];
  for (let outside = ['all']; outside.length > 0 && runs.length < RUNS; outside = outsideInAll(runs)) {
    console.log(`\n${door.contract}, run ${runs.length + 1} of at most ${RUNS}`);
    const measured = await measure(door, { url, samples, atOnce });
    const pairs = pairsOf(measured);
    report(measured, pairs);
    warnOfBusyMachine(measured);
    runs.push(pairs);
  }
  return outsideInAll(runs);
}

/** What the figures are worth: refusals that take longer than they are held tell by themselves why. */
function warnOfBusyMachine(measured: readonly Measured[]): void {
  const held = measured.filter(({ reason }) => reason === 'wrong').map(({ times }) => median([...times]));
  if (heldMilliseconds > 0 && held.some((milliseconds) => milliseconds > heldMilliseconds * 1.2))
    console.log(
      `  the machine is too busy: a wrong password takes ${held.map((each) => shown(each, 0)).join()} ms, held to ${heldMilliseconds}`,
    );
}

async function main(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-timing-'));
  const settings = {
    LATCHKEY_LOG_LEVEL: 'warn',
    // Who waits for a hash is measured too, not turned away.
    LATCHKEY_HASHING_QUEUE_MILLISECONDS: '60000',
    LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":100000,"seconds":1}',
    LATCHKEY_SIGN_IN_ASKS_PER_ADDRESS: '{"count":100000,"seconds":1}',
    LATCHKEY_MOUNTS: JSON.stringify(
      TIMED_DOORS.filter(({ contract }) => contract !== 'native').map(({ contract }) =>
        contract === 'role-picker' ? { contract, hideUnknownIdentity: true } : { contract },
      ),
    ),
    LATCHKEY_SIGN_IN_REFUSAL_MILLISECONDS: String(heldMilliseconds),
  };
  const env = { ...environment(), ...settings };
  const input = directoryFor(doors, samples);
  execFileSync(PROGRAM, ['import', '-'], { cwd: folder, env, input, stdio: 'pipe' });
  const subject = await start(PROGRAM, ['serve'], folder, settings);
  const failed: string[] = [];
  try {
    for (const door of doors)
      for (const pair of await failuresAt(door, subject.url)) failed.push(`${door.contract}: ${pair}`);
  } finally {
    await subject.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  for (const pair of failed)
    console.log(`\nFAIL ${pair}: outside ${BAND.join(' to ')} in ${RUNS} of ${RUNS} runs`);
  if (failed.length === 0) console.log('\nno reason can be told from another by its time');
  return failed.length === 0;
}

// What was started ends with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
if (values.help === true) process.stdout.write(USAGE);
else if (doors.length === 0) {
  process.stderr.write(`there is no contract ${values.contract}\n\n${USAGE}`);
  process.exitCode = 2;
} else process.exitCode = (await main()) ? 0 : 1;
