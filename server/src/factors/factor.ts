import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Vault } from '../crypto/vault.ts';
import type { Change } from '../store/engine.ts';
import type { Store } from '../store/store.ts';
import type { Ticket } from '../store/tickets.ts';
import type { PasskeyAssertion } from './passkey-response.ts';
import type { Webauthn } from './webauthn.ts';

/** What is shown to pass a step. */
export type Proof =
  | { readonly kind: 'code'; readonly code: string }
  | { readonly kind: 'passkey'; readonly response: PasskeyAssertion };

/** A proof, and what it is shown for. */
export interface Shown {
  readonly proof: Proof;
  /** The step's ticket: a mailed code or a challenge is of one ticket only. */
  readonly ticket: Ticket;
  readonly account: AccountWithMemberships;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly vault: Vault;
  readonly store: Store;
  readonly webauthn: Webauthn;
}

/** What a right proof amounts to. */
export interface Proven {
  /** What the session's `amr` says of it (RFC 8176). */
  readonly methods: readonly string[];
  /** Spends it, in the commit that it leads to; each with the guard `code`. */
  readonly spends: readonly Change[];
  /** With a recovery code, how many are left then: its owner is told. */
  readonly recoveryCodesLeft?: number;
}

/** A proof that is this factor's and would be right, but for something that the audit log should know. */
export interface Wrong {
  readonly wrong: 'passkey-cloned';
}

/** Something that can be shown beside the credential. Whether it is asked for is `sign-in/second-factor.ts`'s to say. */
export interface Factor {
  /** Whether it can be found by trying, as six digits can: it is taken no more after a hundred wrong ones in a row. */
  readonly isGuessable: boolean;

  /** What the proof amounts to; null when it is not this factor's, or wrong. Counts and spends nothing itself. */
  check(shown: Shown): Promise<Proven | Wrong | null>;
}
