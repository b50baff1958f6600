import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchPostgres } from './contenders/on-postgres.ts';
import { load } from './load.ts';
import { FULL, QUICK } from './plan.ts';
import { measureProofs } from './proofs.ts';
import { withEssentialRows } from './report/readme-block.ts';
import { report, targetTable, warnings } from './report/report.ts';
import { nameOfResults, type Results } from './report/results.ts';
import { IncompleteRunError, run } from './run.ts';
import { startEcho } from './subject.ts';

// Measures the server as it is installed, with its defaults, beside what people would pick instead and beside floors: raw
// argon2id on all cores for password sign-ins, a bare Fastify echo for everything else. README.md beside this tells more.

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const README = fileURLToPath(new URL('../README.md', import.meta.url));
const USAGE = `usage: npm run bench -- [--full] [OTHER …]

Without anything: Latchkey beside others, about ten minutes; the machine should have nothing else to do.

  --full         about half an hour: PostgreSQL, several nodes, 1,000,000 accounts, 100,000 sessions
  --readme       writes the tables again, from the newest results or from --results=FILE

Something else instead:

  --cost         processor time of a sign-in, by thread and by step, and nothing else
  --flood        ten times as many sign-ins as fit, for 10 s; with --full for a minute
  --proofs       second factors proven; with --quick shorter
  --revocations  how soon a resource server refuses a session that has ended; --sessions=N
  --verifier     the verifier beside jose; with --quick shorter
  --workers      one process beside two and four on one embedded store; with --quick shorter
  --sign-ins     password sign-ins at 64 connections beside others, in eleven rounds; --rounds=N
  --scale        latency and cost as the store grows; with --help: its own options
  --clean-up     how long anybody waits while expired sessions are removed; --sessions N, --folder DIR
  --migration    how long anybody waits while a large store gets an index; --accounts N
`;

const hasOption = (name: string) => process.argv.includes(name);
const isShort = hasOption('--quick');

/** The whole comparison. */
async function compare(): Promise<void> {
  const results = await run(hasOption('--full') ? FULL : QUICK).catch((error: unknown) => {
    if (error instanceof IncompleteRunError) keepIncomplete(error.results);
    throw error;
  });
  const file = nameOfResults(results.date, results.kind);
  writeFileSync(join(RESULTS, file), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(RESULTS, 'latest.md'), report(results));
  for (const warning of warnings(results)) console.log(`\n${warning}`);
  console.log(`\n${targetTable(results)}\n\nwritten: bench/results/${file}, bench/results/latest.md`);
}

/** Half an hour is not to be lost because its last minute failed. */
function keepIncomplete(results: Results): void {
  const file = `incomplete-${nameOfResults(results.date, results.kind)}`;
  writeFileSync(join(RESULTS, file), `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\n${targetTable(results)}\n\nthe run failed; what it had measured: bench/results/${file}`);
}

const read = (file: string) => JSON.parse(readFileSync(join(RESULTS, file), 'utf8')) as Results;

/** Makes the report again, and the rows of the README, from the newest results, or those that are named. */
function writeDocuments(): void {
  const named = /--results=(\S+)/.exec(process.argv.join(' '))?.[1];
  const newest = readdirSync(RESULTS)
    .filter((name) => /^\d.*-(full|quick)\.json$/.test(name))
    .sort((left, right) => (read(left).date < read(right).date ? -1 : 1))
    .at(-1);
  const file = named ?? newest;
  if (file === undefined) throw new Error('there are no results: run the bench first');
  const results = read(file);
  writeFileSync(join(RESULTS, 'latest.md'), report(results));
  writeFileSync(README, withEssentialRows(readFileSync(README, 'utf8'), results, file));
  console.log(`README.md and bench/results/latest.md have the figures of ${file}`);
}

/** The second factors alone. */
async function proofs(): Promise<void> {
  const echo = await startEcho();
  // So many rounds, and so many seconds of the floor.
  const length = isShort ? 1 : 3;
  const floor = async () =>
    (await load({ url: echo.url, scenario: 'echo', connections: 64, seconds: length, data: [] })).perSecond;
  try {
    await measureProofs(floor, length);
  } finally {
    await echo.stop();
  }
}

process.setMaxListeners(0);
mkdirSync(RESULTS, { recursive: true });
// What was started ends with this process; PostgreSQL has to be told.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void benchPostgres.stop().finally(() => process.exit(1)));

const others: Readonly<Record<string, string>> = {
  '--cost': './cost.ts',
  '--flood': './flood.ts',
  '--revocations': './revocation-latency.ts',
  '--clean-up': './scale/clean-up.ts',
  '--migration': './scale/migration.ts',
  '--scale': './scale/scale.ts',
  '--sign-ins': './sign-ins.ts',
  '--workers': './workers.ts',
};
const other = Object.keys(others).find(hasOption);
if (other !== undefined) await import(others[other] ?? '');
else if (hasOption('--help')) process.stdout.write(USAGE);
else if (hasOption('--verifier')) await (await import('./verifier.ts')).printVerifier(isShort ? 15 : 121);
else if (hasOption('--proofs')) await proofs();
else if (hasOption('--readme')) writeDocuments();
else await compare();
