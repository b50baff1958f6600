import { parseArgs } from 'node:util';
import { sendHostile } from './connection.ts';
import { type FuzzResult, fuzz } from './fuzz-run.ts';
import { MOST_STALL_MILLISECONDS } from './health.ts';
import { startSubject } from './subject.ts';

// Sends generated requests over all routes to a real server: half of them as clients send them, with the tokens, tickets and
// codes that earlier answers gave, half with something else somewhere, some with their bytes harmed. Ends with 1 when one was
// answered with a 5xx, when the server ended, or when its event loop stood still for more than 200 ms.

const USAGE = `usage: npm run fuzz -- [--requests N] [--minutes N] [--seed N] [--store URL] [--replay BASE64]

  --requests N     a million by default
  --minutes N      ends after so long, however many were sent
  --seed N         makes those very requests again; what it was is printed
  --store URL      of an empty PostgreSQL database; an embedded store by default
  --replay BASE64  sends what was found, once, and prints the answer
`;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    store: { type: 'string' },
    replay: { type: 'string' },
    help: { type: 'boolean' },
  },
});

/** Prints it. @returns whether nothing was found that must not be */
function report(result: FuzzResult): boolean {
  const statuses = [...new Set([...result.answers.values()].flatMap((counts) => [...counts.keys()]))].sort(
    (one, other) => one - other,
  );
  const row = (name: string, cells: readonly (string | number)[]) =>
    console.log(name.padEnd(46) + cells.map((cell) => String(cell).padStart(8)).join(''));
  row(
    'answers by route and status',
    statuses.map((status) => (status === 0 ? 'cut' : status)),
  );
  for (const [route, counts] of [...result.answers].sort())
    row(
      route,
      statuses.map((status) => counts.get(status) ?? '·'),
    );
  row(
    'all',
    statuses.map((status) =>
      [...result.answers.values()].reduce((so, counts) => so + (counts.get(status) ?? 0), 0),
    ),
  );

  const { health } = result;
  const isStill = health.longestStallMilliseconds > MOST_STALL_MILLISECONDS;
  console.log(
    `\n${result.sent} requests in ${result.seconds.toFixed(0)} s, ${(result.sent / result.seconds).toFixed(0)} a second`,
  );
  console.log(`turned away with 503 and Retry-After: ${result.turnedAway}`);
  console.log(`sent again, behind an answer that closed its connection: ${result.sentAgain}`);
  console.log(`restarts: ${health.restarts}; most memory: ${health.residentMib.toFixed(0)} MiB`);
  console.log(
    `event loop: longest stall ${health.longestStallMilliseconds.toFixed(0)} ms; ${health.longestDelayMilliseconds.toFixed(0)} ms with the time that its thread waited for a core; ${health.stalls} times more than ${MOST_STALL_MILLISECONDS} ms${isStill ? ' FAIL' : ''}`,
  );
  for (const line of result.errors.slice(0, 20)) console.log(`\nlogged: ${line.slice(0, 2000)}`);
  for (const { what, route, replay } of result.findings)
    console.log(`\nFAIL ${route}: ${what}\n     npm run fuzz -- --replay=${replay}`);
  const isGood =
    result.findings.length === 0 && result.errors.length === 0 && health.restarts === 0 && !isStill;
  console.log(isGood ? '\nno 5xx, no restart, no stall' : '\nsomething was found');
  return isGood;
}

async function replay(bytes: Buffer): Promise<void> {
  const subject = await startSubject(12, null, () => undefined);
  console.log(bytes.toString('latin1'));
  console.log(`answered ${(await sendHostile(subject.url, bytes)).join(', ') || 'nothing'}`);
  for (const line of subject.errors()) console.log(line);
  await subject.stop();
}

if (values.help === true) process.stdout.write(USAGE);
else if (values.replay !== undefined) await replay(Buffer.from(values.replay, 'base64'));
else {
  const requests = Number(values.requests);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}, ${requests} requests`);
  let said = 0;
  const result = await fuzz({
    requests,
    seed,
    minutes: Number(values.minutes ?? Number.POSITIVE_INFINITY),
    storeUrl: values.store ?? null,
    onProgress(sent) {
      if (sent < said + 50_000) return;
      said = sent;
      console.log(`${sent} sent`);
    },
  });
  process.exitCode = report(result) ? 0 : 1;
}
