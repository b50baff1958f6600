import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Contender } from './contenders/contender.ts';
import { peerVersions, preparePeers } from './contenders/install-peers.ts';
import { latchkeyOnSqlite } from './contenders/latchkey.ts';
import { betterAuth, betterAuthFewThreads, betterAuthScrypt, expressNodeRs } from './contenders/peer.ts';
import { SessionSource } from './contenders/session-source.ts';
import { measureSignIns } from './measures/sign-ins.ts';
import { checkAnswers, type Started, startContender } from './measures/started.ts';
import { FULL, type Plan } from './plan.ts';
import { provenance, signInTable, targetTable } from './report/report.ts';
import { type Figure, nameOfResults, type Results, thisCommit, thisMachine } from './report/results.ts';

// Password sign-ins at 64 connections and nothing else, in many rounds, beside those who come nearest: three rounds among
// everything else leave a ratio noisy on a machine whose speed changes from minute to minute.

const ROUNDS = Number(/--rounds=(\d+)/.exec(process.argv.join(' '))?.[1] ?? 11);
const PLAN: Plan = {
  ...FULL,
  rounds: ROUNDS,
  extraRounds: 0,
  signIns: [{ connections: 64, seconds: 6 }],
};

const begun = performance.now();
const date = new Date().toISOString();
const contenders: Contender[] = [];
const started: Started[] = [];
const figures: Figure[] = [];
preparePeers();
try {
  contenders.push(
    latchkeyOnSqlite(PLAN.accounts),
    betterAuth(PLAN.accounts),
    betterAuthFewThreads(PLAN.accounts, availableParallelism()),
    betterAuthScrypt(PLAN.accounts),
    expressNodeRs(PLAN.accounts),
  );
  for (const contender of contenders) started.push(await startContender(new SessionSource(contender)));
  for (const each of started) await checkAnswers(each);
  figures.push(...(await measureSignIns(started, PLAN, console.log)));
} finally {
  await Promise.all(started.map(({ running }) => running.stop()));
  for (const contender of contenders) contender.remove();
}
const results: Results = {
  kind: 'sign-ins',
  date,
  machine: thisMachine(),
  node: process.versions.node,
  commit: thisCommit(),
  peers: peerVersions(),
  accounts: PLAN.accounts,
  minutes: (performance.now() - begun) / 60_000,
  figures,
};
const name = nameOfResults(date, results.kind);
writeFileSync(
  fileURLToPath(new URL(`results/${name}`, import.meta.url)),
  `${JSON.stringify(results, null, 2)}\n`,
);
console.log(
  `\n${provenance(results)}\n\n${signInTable(results)}\n\n${targetTable(results)}\n\nwritten: bench/results/${name}`,
);
