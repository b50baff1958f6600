import type { AccountWithMemberships } from '../src/accounts/account.ts';
import { type AddressedMail, unsealMail } from '../src/delivery/queue-mail.ts';
import { Windows } from '../src/limits/windows.ts';
import type { Attempt, Corridor } from '../src/sign-in/corridor.ts';
import { Throttle } from '../src/sign-in/throttle.ts';
import { type ClaimedMail, claimDueMails, claimedMails } from '../src/store/outbox.ts';
import { createStepUpTokens } from '../src/tokens/step-up-token.ts';
import { nextNumber } from './app.ts';
import { loadDirectory, type TestCore, uuid } from './core.ts';

/**
 * As much of a corridor as a single step of it needs, on a real store: nothing hashes, nobody listens, and no message is sent.
 * @param parts what is otherwise
 */
export function corridorOn(core: TestCore, parts: Partial<Corridor> = {}): Corridor {
  const limit = { count: 100_000, seconds: 60 };
  const limits = { address: limit, asking: limit, organisation: limit, everybody: limit, context: limit };
  const own: Partial<Corridor> = {
    ...core,
    throttle: new Throttle(core.store, core.clock, 0),
    windows: new Windows({ limits, shared: null }),
    stepUpTokens: createStepUpTokens(core.vault, () => 'https://id.example.com', core.clock),
    mounts: new Map(core.config.mounts.map((mount) => [mount.name, mount])),
    limits: {
      ...core.config.signIn,
      ...core.config.challenge,
      graceSeconds: 0,
      sessionMaxSeconds: 60,
      forgetDeviceSeconds: 60,
    },
    sendingLimits: core.config,
    mailQueued: () => undefined,
    ...parts,
  };
  return own as Corridor;
}

/** Somebody's attempt at the mount of a contract, from an address that no other has. */
export function freshAttempt(core: TestCore, contract: string, parts: Partial<Attempt> = {}): Attempt {
  const mount = core.config.mounts.find((each) => each.contract.name === contract);
  if (mount === undefined) throw new Error(`nothing serves ${contract}`);
  const number = nextNumber();
  const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  const caller = { mount: mount.name, address, userAgent: null, requestId: `request ${number}` };
  return { mount, caller: { ...caller, arrivedAt: core.clock.now() }, ...parts };
}

/** An account that no other test knows. @param fields as of a line of the directory */
export async function accountOn(
  core: TestCore,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<AccountWithMemberships> {
  const number = nextNumber();
  const email = `person${number}@example.com`;
  await loadDirectory(core, [{ kind: 'account', id: uuid(number), email, emailValidated: true, ...fields }]);
  return accountOf(core, uuid(number));
}

/** The account as it is now. */
export async function accountOf(core: TestCore, id: string): Promise<AccountWithMemberships> {
  const account = await core.store.accounts.byId(id);
  if (account === null) throw new Error(`there is no account ${id}`);
  return account;
}

/** Takes the mails that wait to be sent out of the outbox, and opens them. */
export async function takeMails(
  core: TestCore,
): Promise<(AddressedMail & Pick<ClaimedMail, 'kind' | 'expiresAt'>)[]> {
  const committed = await core.store.commit([claimDueMails('mail', core.clock.now(), 1000)]);
  const queued = claimedMails(committed.ok ? (committed.rows[0] ?? []) : []);
  return queued.map((mail) => ({
    ...unsealMail(mail, core.vault),
    kind: mail.kind,
    expiresAt: mail.expiresAt,
  }));
}
