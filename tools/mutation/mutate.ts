import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { note, readLedger } from './ledger.ts';
import { instrument, MUTATED, type Mutant, shortHash } from './mutants.ts';
import { report, standing } from './report.ts';
import { partOf, shuffled } from './sample.ts';
import { makeSandbox, treeOf } from './sandbox.ts';
import { isNamedLike, nearestFirst, type TestFile, testFiles } from './tests.ts';
import { type Plan, tryAlone, tryFile } from './trial.ts';

// Changes the sources of the core in small ways, one at a time, and says which changes no test notices: `npm run mutate`.

const USAGE = `usage: npm run mutate -- [--sample N] [--seed S] [--only PATH] [--fresh]

  --sample N   a random sample of N mutants; without it all of them are tried
  --seed S     draws that very sample again (1 is the default); a larger one of the same seed has the smaller one in it
  --part K/N   only the Kth of N parts of them. Clones that each try a part need half the time; what was seen is in
               .mutation/ledger.jsonl of each, and is one ledger when these are put behind each other
  --only PATH  only mutants in files whose path has this in it
  --tests A,B  tries them only with test files whose path has one of these in it, in this order
  --seconds N  goes on to the next test file after so long; what was left is left for another run
  --quick      leaves out what takes a process for each mutant: those that run before tests only are counted as alive
  --fresh      forgets what earlier runs saw
  --report     tries nothing, and prints what earlier runs saw
`;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KEPT = join(ROOT, '.mutation');
const SANDBOX = join(KEPT, 'sandbox');
const LEDGER = join(KEPT, 'ledger.jsonl');

/** Bounds that make the score a lower one: what is alive after them was not tried with everything. */
const BOUNDS = {
  testsPerMutant: 200,
  testsPerFile: 10,
  patienceMilliseconds: 3_000,
};
const FILES_ALONE = 3;
/** A test file that spoils its process is started so often. */
const STARTS_PER_FILE = 12;
/** What has spoilt the processes of so many test files is left for a process of its own. */
const SPOILT_FILES = 2;

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Tries the mutants with one test file; those that are killed or were tried with it already are not tried again. */
async function tryWith(file: TestFile, mutants: readonly Mutant[], secondsPerFile: number): Promise<void> {
  for (let start = 0; start < STARTS_PER_FILE; start += 1) {
    const known = readLedger(LEDGER);
    const hash = shortHash(file.text);
    const name = `${file.path}@${hash}`;
    const spoilt = (mutant: string) =>
      new Set(known.unclear.filter((entry) => entry.mutant === mutant).map((entry) => entry.file));
    // What has spoilt this file once would again with its next test.
    const isLeft = (mutant: string) => spoilt(mutant).has(file.path) || spoilt(mutant).size >= SPOILT_FILES;
    const open = mutants.filter(({ key }) => !known.killed.has(key) && !isLeft(key));
    const todo = open.filter(({ key }) => !known.gone.has(`${key} ${name}`));
    if (todo.length === 0) return;
    const plan: Plan = {
      file: file.path,
      hash,
      ledger: LEDGER,
      progress: join(KEPT, 'progress.jsonl'),
      open: Object.fromEntries(
        todo.map((mutant) => [
          mutant.id,
          {
            key: mutant.key,
            tests: [...(known.passed.get(mutant.key) ?? [])],
            near: isNamedLike(mutant.file, file.path),
          },
        ]),
      ),
      unusable: [...known.unusable.keys()].filter((test) => test.startsWith(name)),
      ...BOUNDS,
      secondsPerFile,
    };
    const begun = Date.now();
    await tryFile({ root: ROOT, sandbox: SANDBOX }, plan);
    const after = readLedger(LEDGER);
    const killed = todo.filter(({ key }) => after.killed.has(key)).length;
    const seconds = ((Date.now() - begun) / 1000).toFixed(0);
    say(`${file.path}: ${killed} of ${todo.length} killed (${seconds} s)`);
    if (after.finished > known.finished) return;
  }
}

/** What ran before any test, spoilt a process, or has tests of its own that cannot be run twice, is tried in a process of its own. */
async function tryAllAlone(files: readonly TestFile[], mutants: readonly Mutant[]): Promise<void> {
  const known = readLedger(LEDGER);
  const paths = new Map(files.map(({ path, text }) => [`${path}@${shortHash(text)}`, path]));
  // Files with tests that do not pass twice in one process.
  const onceOnly = [...paths].flatMap(([name, path]) =>
    [...known.unusable.keys()].some((test) => test.startsWith(name)) ? [path] : [],
  );
  for (const mutant of mutants) {
    if (known.killed.has(mutant.key)) continue;
    const unclear = known.unclear.filter((entry) => entry.mutant === mutant.key).map(({ file }) => file);
    const outside = [...(known.outside.get(mutant.key) ?? [])].flatMap((file) => paths.get(file) ?? []);
    const near = nearestFirst(mutant.file, outside).slice(0, FILES_ALONE);
    const own = onceOnly.filter((path) => isNamedLike(mutant.file, path));
    for (const path of new Set([...unclear, ...near, ...own])) {
      const file = files.find((other) => other.path === path);
      if (file === undefined) continue;
      const by = `${path}@${shortHash(file.text)}`;
      if (known.alone.has(`${mutant.key} ${by}`) || !known.sound.has(by)) continue;
      const how = await tryAlone({ root: ROOT, sandbox: SANDBOX }, path, mutant.id);
      say(`${mutant.file}:${mutant.line} ${mutant.mutator} from the start of ${path}: ${how}`);
      if (how === 'passed') note(LEDGER, { kind: 'alone', mutant: mutant.key, file: by });
      else {
        note(LEDGER, { kind: 'killed', mutant: mutant.key, how, by });
        break;
      }
    }
  }
}

/** What of the command line says with which tests mutants are tried, and how long. */
interface Extent {
  readonly tests: string;
  readonly seconds: string;
  readonly quick?: boolean | undefined;
}

async function tryEverything(
  files: readonly TestFile[],
  mutants: readonly Mutant[],
  extent: Extent,
): Promise<void> {
  for (const { path, leftOut } of files) if (leftOut !== null) say(`left out: ${path}: ${leftOut}`);
  say('left out: every test on PostgreSQL: what is mutated has no part that knows the engine');
  const usable = files.filter(({ leftOut }) => leftOut === null);
  const used = extent.tests.split(',').flatMap((part) => usable.filter(({ path }) => path.includes(part)));
  const isNear = ({ path }: TestFile, mutant: Mutant) => path.startsWith(dirname(mutant.file));
  // Those of their own folder first: most that a far test kills, a near one has killed sooner.
  for (const near of extent.tests === '' ? [true, false] : [null])
    for (const file of used) {
      const those = mutants.filter((mutant) => near === null || isNear(file, mutant) === near);
      await tryWith(file, those, Number(extent.seconds));
    }
  if (!extent.quick) await tryAllAlone(used, mutants);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sample: { type: 'string' },
      seed: { type: 'string', default: '1' },
      part: { type: 'string', default: '1/1' },
      only: { type: 'string' },
      tests: { type: 'string', default: '' },
      seconds: { type: 'string', default: '3600' },
      quick: { type: 'boolean' },
      fresh: { type: 'boolean' },
      report: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const tree = treeOf(ROOT);
  const sources = tree
    .filter((path) => MUTATED.some((folder) => path.startsWith(`server/src/${folder}/`)))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.endsWith('.suite.ts'))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
  const { mutants, sources: instrumented } = await instrument(sources);
  const asked = mutants.filter(({ file }) => file.includes(values.only ?? ''));
  const valid = asked.filter(({ ignored }) => ignored === null);
  const seed = Number(values.seed);
  const drawn = values.sample === undefined ? valid : shuffled(valid, seed).slice(0, Number(values.sample));
  const chosen = partOf(drawn, values.part);
  mkdirSync(KEPT, { recursive: true });
  if (values.fresh) rmSync(LEDGER, { force: true });
  if (!values.report) {
    makeSandbox(ROOT, SANDBOX, instrumented);
    await tryEverything(testFiles(ROOT, tree), chosen, values);
  }
  const known = readLedger(LEDGER);
  const ignored = asked.filter((mutant) => mutant.ignored !== null);
  const sampled = values.sample === undefined ? null : { seed, of: valid.length };
  process.stdout.write(
    report(
      chosen.map((mutant) => standing(mutant, known, BOUNDS)),
      ignored,
      known,
      sampled,
    ),
  );
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
await main();
