import { ownWordsOf } from '../passwords/own-words.ts';
import type { ImportContext, Item } from './import-context.ts';
import type { AccountLine, InstallationLine } from './line.ts';

/** Why a line is refused where guessable passwords are. */
export const GUESSABLE_PASSWORD =
  'password is too easy to guess: it is one that everybody tries, or a name of its owner’s';

/**
 * Those items whose plain password is one that others would try first. Whoever brings people from elsewhere brings the
 * passwords that they have: what comes of it is the operator's choice.
 */
export async function guessableAmong(
  context: ImportContext,
  items: readonly Item[],
): Promise<ReadonlySet<Item>> {
  const verdicts = await Promise.all(
    items.map(({ line }) =>
      (line.kind === 'account' || line.kind === 'installation') && line.password != null
        ? context.blocklist().isGuessable(line.password, wordsOf(context, line))
        : false,
    ),
  );
  return new Set(items.filter((_, index) => verdicts[index]));
}

function wordsOf(context: ImportContext, line: AccountLine | InstallationLine): string[] {
  if (line.kind === 'installation') return [line.installationId];
  const { username = null, email = null, user, organisation } = line;
  return ownWordsOf({
    username,
    email,
    user: { name: user?.name ?? '', firstName: user?.firstName ?? null, lastName: user?.lastName ?? null },
    home: context.organisations.get(organisation?.toLowerCase() ?? '') ?? null,
    memberships: [],
  });
}
