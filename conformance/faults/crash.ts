import { startMailSink } from '../../server/testing/mail-sink.ts';
import type { RunningServer, Workplace } from '../../server/testing/process.ts';
import { clientOf } from './client.ts';
import { EFFECTS, type Effect, LOCK_SECONDS, MAX_FAILURES, USERS } from './effects.ts';
import { atLeast, type Drill, type Figure, none, pause, until, within } from './fault.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { loadPeople, must } from './people.ts';

/** The settings that effects are made with. */
export const LEDGER_SETTINGS: Readonly<Record<string, string>> = {
  LATCHKEY_MOUNTS: JSON.stringify([
    { contract: 'profile', allowSignUp: true },
    { contract: 'credential-type' },
  ]),
  LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
  LATCHKEY_SIGN_IN_LOCK_SECONDS: String(LOCK_SECONDS),
  LATCHKEY_REFRESH_GRACE_SECONDS: '1',
  LATCHKEY_MAIL_LIMIT_PER_DAY: '1000000',
};

/** A crash that is made again and again while clients work. */
export interface Crashes {
  readonly engine: string;
  readonly count: number;
  readonly work: Workplace;
  readonly effects?: readonly Effect[];
  /** Makes it. Afterwards the server is no longer there, and whatever it needs is. */
  readonly crash: (server: RunningServer) => Promise<void>;
}

/** How long clients work before a crash: at random between these. */
const [LEAST_WORK_MILLISECONDS, MOST_WORK_MILLISECONDS] = [150, 500];

/** How long a crash waits for effects of a kind of which there is none yet. */
const MOST_WAIT_MILLISECONDS = 5000;

/** How much of each kind is loaded for each crash; more than clients get through. */
const PER_CRASH = 80;

/**
 * Lets clients work, crashes, starts the server again, and looks whether everything that was acknowledged is there: what
 * is new after each crash, and everything in the end.
 */
export async function survivesCrashes(drill: Drill, crashes: Crashes): Promise<Figure[]> {
  const { work, count, engine } = crashes;
  const mail = await startMailSink();
  drill.later(() => mail.stop());
  await loadPeople(work, {
    users: USERS,
    mailed: count * PER_CRASH,
    guessed: count * PER_CRASH,
    changing: count * PER_CRASH,
    codes: count * PER_CRASH,
  });
  let server: RunningServer | undefined;
  const client = clientOf(() => server?.url ?? '');
  const ledger = openLedger({ client, mail }, crashes.effects ?? EFFECTS);
  const starts: number[] = [];
  const start = async () => {
    const begun = performance.now();
    server = await work.serve(['serve'], { LATCHKEY_MAIL_URL: mail.url });
    await until(async () => (await client.get('/readyz')).status === 200, 20_000);
    starts.push(performance.now() - begun);
    return server;
  };
  for (let crash = 1; crash <= count; crash += 1) {
    const running = await start();
    await ledger.checkNew();
    mail.refuseWith(451);
    const working = ledger.work();
    await until(async () => rarest(ledger).count > 0, MOST_WAIT_MILLISECONDS);
    await pause(LEAST_WORK_MILLISECONDS + Math.random() * (MOST_WORK_MILLISECONDS - LEAST_WORK_MILLISECONDS));
    await crashes.crash(running);
    await working.stop();
    mail.refuseWith(null);
    if (crash % 10 === 0) drill.progress(`${engine}: ${crash} of ${count}, ${ledger.problems.length} lost`);
  }
  const last = await start();
  await ledger.checkNew();
  // Longer than the grace of a refresh token.
  await pause(1100);
  await ledger.checkAll();
  const figures = [...(await auditFigures(work, engine)), ...(await ending(last, engine))];
  return [
    atLeast(`${engine}: crashes`, count, count),
    ...ledgerFigures(ledger, engine, count),
    within(`${engine}: ready after a start`, starts, 5000 * drill.patience),
    ...figures,
  ];
}

/** The kind of effect that was acknowledged least often. */
function rarest({ counts }: Ledger): { readonly name: string; readonly count: number } {
  const [name, count] = Object.entries(counts).toSorted(([, a], [, b]) => a - b)[0] ?? ['', 0];
  return { name, count };
}

/** What a ledger has come to. @param least how many effects there must be for it to show anything */
export function ledgerFigures(ledger: Ledger, name: string, least: number): Figure[] {
  const acknowledged = Object.values(ledger.counts).reduce((sum, each) => sum + each, 0);
  const problems = ledger.problems.slice(0, 5).map(({ effect, what }) => `${effect}: ${what}`);
  const kinds = Object.entries(ledger.counts).map(([kind, each]) => `${kind} ${each}`);
  return [
    atLeast(`${name}: acknowledged (${kinds.join(', ')})`, acknowledged, least),
    atLeast(`${name}: of the rarest kind, ${rarest(ledger).name}`, rarest(ledger).count, 1),
    none(
      `${name}: acknowledged and lost, or spent and alive again${problems.map((each) => `; ${each}`).join('')}`,
      ledger.problems.length,
    ),
    none(`${name}: answers of 500`, ledger.oddAnswers.length),
  ];
}

interface AuditLine {
  readonly event: string;
  readonly accountId: string | null;
}

/** Whether each account that signed itself up has its one event, and each such event its account. */
export async function auditFigures(work: Workplace, engine: string): Promise<Figure[]> {
  const events = (await must(work, ['audit', '--json']))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditLine);
  const accounts = JSON.parse(await must(work, ['account', 'list', '--json'])) as {
    id: string;
    email: string;
  }[];
  const told = events.flatMap(({ event, accountId }) => (event === 'account.signed-up' ? [accountId] : []));
  const made = accounts.flatMap(({ id, email }) => (email.endsWith('@example.org') ? [id] : []));
  const halves = made.filter((id) => told.filter((each) => each === id).length !== 1).length;
  const verified = await work.run(['audit', 'verify']);
  return [
    none(
      `${engine}: accounts without their event, or events without their account`,
      halves + Math.abs(told.length - made.length),
    ),
    none(`${engine}: breaks in the chain of the audit log`, verified.code ?? 1),
  ];
}

async function ending(server: RunningServer, engine: string): Promise<Figure[]> {
  const { code } = await server.end('SIGTERM');
  return [none(`${engine}: exit code of an orderly stop afterwards`, code ?? -1)];
}
