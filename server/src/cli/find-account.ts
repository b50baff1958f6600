import type { AccountWithMemberships } from '../accounts/account.ts';
import { canonicalName, canonicalPhone, kindBits } from '../accounts/identifier.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';

/** What an argument that means an account can be. */
export const ACCOUNT_ARGUMENT = 'id, user name, e-mail address or phone number';

/** The account that is meant. An identifier will do where it names one only. */
export async function findAccount(core: Core, meant: string): Promise<AccountWithMemberships> {
  const byId = await core.store.accounts.byId(meant.toLowerCase());
  if (byId) return byId;
  const name = canonicalName(meant);
  const phone = canonicalPhone(meant, null);
  const named =
    name === null
      ? []
      : await core.store.accounts.named({ canonical: name, kinds: kindBits(['username', 'email']) }, null);
  const called =
    phone === null
      ? []
      : await core.store.accounts.named({ canonical: phone, kinds: kindBits(['phone']) }, null);
  const found = [...named, ...called];
  const [only] = found;
  if (!only) throw new OperatorError(`there is no account ${meant}`);
  if (found.length > 1)
    throw new OperatorError(
      `${meant} names ${found.length} accounts: ${found.map((account) => account.id).join(', ')}. Give the id.`,
    );
  return only;
}
