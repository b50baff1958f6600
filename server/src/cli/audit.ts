import { setTimeout } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { ChainEnd } from '../audit/chain-end.ts';
import { followedEvents, type WantedEvents, writtenEvents } from '../audit/follow.ts';
import { verifyChain } from '../audit/verify-chain.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import type { AuditRecord } from '../store/audit.ts';
import { command, withCore } from './command.ts';
import { findAccount } from './find-account.ts';
import { jsonText, print, shown, time } from './output.ts';

const FOLLOW_MILLISECONDS = 500;

interface Options {
  readonly since?: Since;
  readonly account?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** `latchkey audit` */
export function auditCommand(): Command {
  return printCommand().addCommand(verifyCommand());
}

function verifyCommand(): Command {
  return command('verify', 'check that no event was changed, taken out or put in since it was written')
    .option(
      '--expect <number:seal>',
      'an event that was noted before: the log must still have it',
      notedEvent,
    )
    .option('--json', 'print JSON')
    .action(async (options: { readonly expect?: ChainEnd }, called: Command) => {
      await withCore(called, async (core) => {
        const report = await verifyChain(core.store, core.vault, options.expect ?? null);
        const { events, waiting, end, problems } = report;
        const { json } = called.optsWithGlobals<Options>();
        if (json === true) await print(`${JSON.stringify(report)}\n`);
        else if (problems.length === 0)
          await print(
            `${events} events, each as it was written; the last is ${end.link}:${end.seal || '-'}. ${waiting} wait for their place.\n`,
          );
        if (problems.length > 0)
          throw new OperatorError(`the audit log was tampered with: ${problems.join('; ')}`);
      });
    });
}

/** An event as `verify` and the log of a server name the last one. */
function notedEvent(text: string): ChainEnd {
  const [, link, seal] = /^(\d{1,15}):(-|[\w-]{43})$/.exec(text) ?? [];
  if (link === undefined || seal === undefined)
    throw new InvalidArgumentError('Give the number and the seal of an event, as NUMBER:SEAL.');
  return { link: Number(link), seal: seal === '-' ? '' : seal };
}

function printCommand(): Command {
  return command('audit', 'print the audit log, the oldest event first')
    .option(
      '--since <time>',
      'only from this time on: ISO 8601, or a time ago such as 30m, 12h, 7d',
      sinceTime,
    )
    .option('--account <account>', 'only of this account: id, user name, e-mail address or phone number')
    .option(
      '--follow',
      'go on with what is written, as servers give it its place in the log, until the command is ended',
    )
    .option('--json', 'print JSON Lines')
    .action(async (options: Options, called: Command) => {
      await withCore(called, async (core) => {
        const since = options.since?.(core.clock.now()) ?? 0;
        const accountId =
          options.account === undefined ? null : (await findAccount(core, options.account)).id;
        await printEvents(core, {
          since,
          accountId,
          follow: options.follow === true,
          json: options.json === true,
        });
      });
    });
}

async function printEvents(
  core: Core,
  { follow, json, ...wanted }: WantedEvents & { follow: boolean; json: boolean },
): Promise<void> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  if (follow) {
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  }
  const wait = async (): Promise<boolean> => {
    if (!ended) await setTimeout(FOLLOW_MILLISECONDS);
    return !ended;
  };
  const pages = follow ? followedEvents(core.store, wanted, wait) : writtenEvents(core.store, wanted);
  for await (const events of pages) {
    await print(events.map((event) => `${json ? jsonLine(event) : readableLine(event)}\n`).join(''));
    if (ended) return;
  }
}

function jsonLine({ at, ...event }: AuditRecord): string {
  return jsonText({ at: time(at), ...event });
}

function readableLine(event: AuditRecord): string {
  const { at, sequence: _sequence, link: _link, seal: _seal, event: name, detail, ...known } = event;
  const fields = Object.entries(known).flatMap(([key, value]) =>
    value === null ? [] : [`${key}=${shown(String(value))}`],
  );
  return [time(at), name, ...fields, ...(detail === null ? [] : [shown(JSON.stringify(detail))])].join('  ');
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const ISO_8601 = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** The time from which on events are wanted, in milliseconds since 1970. */
type Since = (now: number) => number;

/** What `--since` means. */
function sinceTime(text: string): Since {
  const ago = /^(\d{1,9})([smhd])$/.exec(text);
  if (ago) return (now) => now - Number(ago[1]) * (UNITS[ago[2] ?? ''] ?? 0);
  const at = ISO_8601.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError(
      'Give a time such as 2026-01-31T12:00:00Z, or a time ago such as 30m, 12h, 7d.',
    );
  return () => at;
}
