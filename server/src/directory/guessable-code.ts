import { resourceCodeHash } from '../accounts/resource-code.ts';
import { isGuessableCode } from '../limits/code-guesses.ts';
import type { ImportContext, Item } from './import-context.ts';
import type { ResourceLine } from './line.ts';

/** Why a line is refused where guessable codes are. */
export function guessableCode(liveCodes: number, context: string): string {
  const among = liveCodes === 1 ? 'the only live one' : `one of ${liveCodes} live ones`;
  return `code is short enough to be guessed: it is ${among} at the context ${JSON.stringify(context)}`;
}

/** What stands against resource codes that are live. Whoever has issued short ones has people who hold them. */
export interface CodeWeaknesses {
  /** Those that a day's guesses may hit, each with how many are live at its context, itself among them. */
  readonly guessable: ReadonlyMap<Item, number>;
  /** Those that are good for ever. */
  readonly endless: ReadonlySet<Item>;
}

/** Which items have a resource code that is live and too short for the limit of guesses at its context, or has no end. */
export async function codeWeaknesses(
  context: ImportContext,
  items: readonly Item[],
): Promise<CodeWeaknesses> {
  const guessable = new Map<Item, number>();
  const endless = new Set<Item>();
  const { perContext } = context.core.config.signIn;
  for (const item of items) {
    const { line } = item;
    if (line.kind !== 'resource' || !isLive(line, context.core.clock.now())) continue;
    const { liveCodes, isNew } = await liveWith(context, line);
    const isShort = isGuessableCode(line.code, liveCodes, perContext);
    if (isShort) guessable.set(item, liveCodes);
    if (line.expiresAt == null) endless.add(item);
    if (isNew && !(isShort && context.refusesGuessableCodes)) context.liveCodes.set(line.context, liveCodes);
  }
  return { guessable, endless };
}

function isLive({ revoked, maxUses = 1, uses = 0, expiresAt }: ResourceLine, now: number): boolean {
  const hasUses = maxUses === 0 || uses < maxUses;
  return revoked !== true && hasUses && (expiresAt == null || Date.parse(expiresAt) > now);
}

/** How many codes are live at a line's context when it is loaded. The store counts them once for each context. */
async function liveWith(
  { core, liveCodes }: ImportContext,
  { context, code }: ResourceLine,
): Promise<{ liveCodes: number; isNew: boolean }> {
  const { resourceCodes } = core.store;
  const before = liveCodes.get(context) ?? (await resourceCodes.countLive(context, core.clock.now()));
  liveCodes.set(context, before);
  const isNew = (await resourceCodes.byHash(context, resourceCodeHash(core.vault, context, code))) === null;
  return { liveCodes: isNew ? before + 1 : before, isNew };
}
