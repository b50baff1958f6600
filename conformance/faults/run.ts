import { parseArgs } from 'node:util';
import type { Fault, Figure, Scale } from './fault.ts';
import { startDrill } from './fault.ts';
import { FAULTS } from './index.ts';

// Makes faults and says what was seen of the program: `npm run faults`. Exit code 1 when a promise was broken, or a fault
// could not be made here.

const USAGE = `usage: npm run faults -- [--only NAME,…] [--short] [--minutes N] [--json]

  --only NAME,…  only these: ${FAULTS.map(({ name }) => name).join(', ')}
  --full         as often and as long as the figures are promised for (this is the default)
  --short        a little of each, as at every change
  --minutes N    how long soak lasts (60 by default)
  --json         print JSON instead of a table
`;

/** What came of a fault. */
interface Result {
  readonly fault: Fault;
  /** Why it could not be made; null when it was. */
  readonly missing: string | null;
  readonly figures: readonly Figure[];
  readonly seconds: number;
}

async function make(fault: Fault, scale: Scale, minutes: number | null): Promise<Result> {
  const begun = performance.now();
  const result = (missing: string | null, figures: readonly Figure[]): Result => ({
    fault,
    missing,
    figures,
    seconds: (performance.now() - begun) / 1000,
  });
  const missing = fault.missing?.() ?? null;
  if (missing !== null) return result(missing, []);
  const note = (text: string) => process.stderr.write(`${fault.name}: ${text}\n`);
  note(fault.promise);
  const { drill, end } = startDrill(scale, note, minutes);
  try {
    return result(null, await fault.run(drill));
  } catch (error) {
    return result(`it ended with an error: ${(error as Error).stack}`, []);
  } finally {
    await end();
  }
}

const kept = ({ missing, figures }: Result) => missing === null && figures.every(({ holds }) => holds);

function print(results: readonly Result[]): void {
  for (const result of results) {
    const { fault, missing, figures, seconds } = result;
    console.log(
      `\n${fault.id.padEnd(6)} ${fault.name}: ${fault.promise} (${seconds.toFixed(0)} s) ${kept(result) ? 'kept' : 'BROKEN'}`,
    );
    if (missing !== null) console.log(`  not run: ${missing}`);
    for (const { what, seen, promised, holds } of figures)
      console.log(`  ${holds ? 'ok  ' : 'FAIL'}  ${seen.padStart(16)}  ${promised.padEnd(14)} ${what}`);
  }
  const broken = results.filter((result) => !kept(result)).map(({ fault }) => fault.name);
  console.log(
    `\n${results.length - broken.length} of ${results.length} kept${broken.length === 0 ? '' : `; broken: ${broken.join(', ')}`}`,
  );
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    full: { type: 'boolean' },
    short: { type: 'boolean' },
    minutes: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const names = values.only?.split(',') ?? FAULTS.map(({ name }) => name);
const minutes = values.minutes === undefined ? null : Number(values.minutes);
const unknown = names.filter((name) => !FAULTS.some((fault) => fault.name === name));
if (values.help === true) {
  process.stdout.write(USAGE);
} else if (unknown.length > 0) {
  process.stderr.write(`there is no fault ${unknown.join(', ')}\n${USAGE}`);
  process.exitCode = 2;
} else if (minutes !== null && !(minutes > 0)) {
  process.stderr.write(`--minutes takes a number\n${USAGE}`);
  process.exitCode = 2;
} else {
  const results: Result[] = [];
  for (const fault of FAULTS.filter(({ name }) => names.includes(name)))
    results.push(await make(fault, values.short === true ? 'short' : 'full', minutes));
  if (values.json === true)
    console.log(
      JSON.stringify(
        results.map(({ fault, ...rest }) => ({ id: fault.id, name: fault.name, ...rest })),
        null,
        2,
      ),
    );
  else print(results);
  // What a fault had going when it ended with an error would keep the process.
  process.exit(results.every(kept) ? 0 : 1);
}
