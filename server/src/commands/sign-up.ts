/** Who wants an account. Identifiers and password as they were typed. */
export interface Registrant {
  readonly email: string;
  readonly username: string | null;
  readonly password: string;
  readonly user: {
    readonly name: string;
    readonly firstName: string | null;
    readonly lastName: string | null;
  };
}

/** What doors ask for people and devices that have no account yet. */
export type SignUpCommand =
  /** Makes the account at once; it is answered with a session, or with the account alone. */
  | { readonly kind: 'sign-up'; readonly registrant: Registrant; readonly answer: 'session' | 'account' }
  /** Mails a code first: nothing is made before the address is proven. */
  | { readonly kind: 'begin-sign-up'; readonly registrant: Registrant }
  | { readonly kind: 'confirm-sign-up'; readonly ticket: string; readonly code: string }
  | { readonly kind: 'sign-up-challenge' }
  | { readonly kind: 'sign-up-installation'; readonly device: AttestedDevice };

/** A mobile installation that wants to sign in by itself from now on, and what its platform says of it. */
export interface AttestedDevice {
  readonly installationId: string;
  readonly password: string;
  readonly platform: 'ios' | 'android';
  readonly challenge: string;
  readonly assertionToken: string;
  readonly assertionKeyId: string | null;
}

/** How that can end. */
export type SignUpOutcome =
  /** An account or an installation was made. @property at milliseconds since 1970 */
  | { readonly kind: 'signed-up'; readonly id: string; readonly role: string; readonly at: number }
  | { readonly kind: 'challenge'; readonly challenge: string }
  /** A code was mailed, or would have been; it goes with this ticket. */
  | { readonly kind: 'code-sent'; readonly ticket: string };
