import { availableParallelism } from 'node:os';
import type { Contender } from './contenders/contender.ts';
import { peerVersions, preparePeers } from './contenders/install-peers.ts';
import { latchkeyOnSqlite } from './contenders/latchkey.ts';
import { JOSE_FLOOR, LATCHKEY } from './contenders/names.ts';
import { benchPostgres } from './contenders/on-postgres.ts';
import {
  betterAuth,
  betterAuthCookieCache,
  betterAuthFewThreads,
  betterAuthScrypt,
  expressNodeRs,
  expressServer,
  expressWithLookup,
  oidcProvider,
} from './contenders/peer.ts';
import { SessionSource } from './contenders/session-source.ts';
import { measureCheap, measureFlood } from './measures/cheap-requests.ts';
import { measureImport } from './measures/import-rate.ts';
import { measureInstalls } from './measures/install-size.ts';
import { measureManyTokens } from './measures/many-tokens.ts';
import { measureSessionMemory } from './measures/session-memory.ts';
import { measureSignInCost } from './measures/sign-in-cost.ts';
import { measureSignIns } from './measures/sign-ins.ts';
import { measureNewStarts, measureStarts } from './measures/start-up.ts';
import { checkAnswers, type Started, startContender } from './measures/started.ts';
import { diskFigures, idleFigures, sizesOf } from './measures/store-and-memory.ts';
import type { Plan } from './plan.ts';
import { type Figure, plainFigure, type Results, thisCommit, thisMachine } from './report/results.ts';
import { latchkeyIn, startEcho } from './subject.ts';
import { measureVerifier } from './verifier.ts';

/** Tells what is being done, and when. */
function tell(begun: number, what: string): void {
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`${String(seconds).padStart(6)} s  ${what}`);
}

function contendersOnSqlite({ accounts, kind }: Plan): Contender[] {
  return [
    latchkeyOnSqlite(accounts),
    betterAuth(accounts),
    betterAuthScrypt(accounts),
    betterAuthCookieCache(accounts),
    expressServer(accounts),
    expressWithLookup(accounts),
    ...(kind === 'full'
      ? [
          latchkeyOnSqlite(accounts, ['--workers', '2']),
          betterAuthFewThreads(accounts, availableParallelism()),
          expressNodeRs(accounts),
        ]
      : []),
    oidcProvider(accounts),
  ];
}

async function startAll(sources: readonly SessionSource[]): Promise<Started[]> {
  const started: Started[] = [];
  for (const source of sources) started.push(await startContender(source));
  return started;
}

const stopAll = (started: readonly Started[]) => Promise.all(started.map(({ running }) => running.stop()));

/** Everything that is measured beside others. @param figures where they go, one after another */
async function measureBeside(
  figures: Figure[],
  contenders: readonly Contender[],
  plan: Plan,
  say: (what: string) => void,
): Promise<void> {
  const sizesBefore = await sizesOf(contenders);
  say('starting all of them, looking whether they answer rightly');
  const sources = contenders.map((contender) => new SessionSource(contender));
  let started = await startAll(sources);
  figures.push(...(await idleFigures(started)));
  for (const each of started) await checkAnswers(each);
  figures.push(...(await measureSignIns(started, plan, say)));
  await stopAll(started);
  figures.push(...diskFigures(sizesBefore, await sizesOf(contenders), plan.accounts));
  say('starts');
  figures.push(...(await measureStarts(contenders, plan.accounts, plan.starts)));
  started = await startAll(sources);
  const echo = await startEcho();
  try {
    figures.push(...(await measureCheap('refresh', started, echo, plan, say)));
    figures.push(...(await measureCheap('session', started, echo, plan, say)));
    say('session checks while others sign in');
    figures.push(...(await measureFlood(started, plan)));
    const latchkey = started.find(({ contender }) => contender.name === LATCHKEY);
    if (latchkey !== undefined) figures.push(...(await measureSignInCost(latchkey, plan)));
  } finally {
    await Promise.all([stopAll(started), echo.stop()]);
  }
}

/** Everything that is measured of Latchkey alone, and how large everybody's installs are. */
async function measureAlone(figures: Figure[], plan: Plan, say: (what: string) => void): Promise<void> {
  figures.push(await measureNewStarts(LATCHKEY, plan.starts));
  say('imports');
  const { figures: imported, store } = await measureImport(LATCHKEY, plan);
  figures.push(...imported);
  const subject = { name: LATCHKEY, start: () => latchkeyIn(store.directory) };
  figures.push(...(await measureStarts([subject], plan.importedAccounts, plan.starts)));
  store.remove();
  say('session checks with many tokens');
  figures.push(...(await measureManyTokens(LATCHKEY, plan)));
  if (plan.sessionsInMemory !== null) {
    say('memory with many sessions');
    figures.push(...(await measureSessionMemory(LATCHKEY, plan.accounts, plan.sessionsInMemory)));
  }
  say('verification in a resource server');
  for (const rate of await measureVerifier('ES256', plan.verifierRounds)) {
    figures.push(plainFigure('verification', `@latchkey/verifier, ${rate.tokens}`, rate.atOnce, rate.rounds));
    if (rate.tokens === 'new tokens')
      figures.push(plainFigure('verification', JOSE_FLOOR, rate.atOnce, rate.floorRounds));
  }
  say('installs');
  figures.push(...measureInstalls());
}

/** A run that did not come to its end, with what it had measured until then. */
export class IncompleteRunError extends Error {
  readonly results: Results;

  constructor(results: Results, cause: unknown) {
    super('the run did not come to its end', { cause });
    this.results = results;
  }
}

/** Starts everybody, measures, and gives what came of it. @throws {IncompleteRunError} */
export async function run(plan: Plan): Promise<Results> {
  const begun = performance.now();
  const [date, commit] = [new Date().toISOString(), thisCommit()];
  const say = (what: string) => tell(begun, what);
  const figures: Figure[] = [];
  const contenders: Contender[] = [];
  const results = (): Results => ({
    kind: plan.kind,
    date,
    machine: thisMachine(),
    node: process.versions.node,
    commit,
    peers: peerVersions(),
    accounts: plan.accounts,
    minutes: (performance.now() - begun) / 60_000,
    figures,
  });
  preparePeers();
  say('stores with accounts');
  try {
    contenders.push(...contendersOnSqlite(plan));
    if (plan.withPostgres) contenders.push(...(await benchPostgres.contenders(plan.accounts)));
    await measureBeside(figures, contenders, plan, say);
    await benchPostgres.stop();
    await measureAlone(figures, plan, say);
    return results();
  } catch (error) {
    throw new IncompleteRunError(results(), error);
  } finally {
    await benchPostgres.stop();
    for (const contender of contenders) contender.remove();
  }
}
