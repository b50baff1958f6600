import type { PasskeyAssertion, PasskeyAttestation } from '../factors/passkey-response.ts';

/** What doors ask about passkeys, beside proving a step with one. Tickets and tokens are as the client presented them. */
export type PasskeyCommand =
  /** Signing in with nothing else: the authenticator says who it is. */
  | { readonly kind: 'passkey-sign-in-options' }
  | { readonly kind: 'passkey-sign-in'; readonly ticket: string; readonly response: PasskeyAssertion }
  /** For a step that waits for a factor. */
  | { readonly kind: 'passkey-step-options'; readonly ticket: string }
  /** The commands from here on act for whoever the bearer token is for. */
  | { readonly kind: 'passkey-enrolment-options'; readonly token: string }
  | {
      readonly kind: 'enrol-passkey';
      readonly token: string;
      readonly ticket: string;
      readonly response: PasskeyAttestation;
      /** What its owner calls it. */
      readonly name: string | null;
    }
  | { readonly kind: 'list-passkeys'; readonly token: string }
  | { readonly kind: 'remove-passkey'; readonly token: string; readonly passkeyId: string };

/** How that can end, beside what every command can end with. */
export type PasskeyOutcome =
  | {
      readonly kind: 'passkey-options';
      /** What the answer must come with; null where that is the ticket that was presented. */
      readonly ticket: string | null;
      /** For `navigator.credentials`, as JSON. */
      readonly options: object;
    }
  | { readonly kind: 'passkey-added'; readonly passkey: OwnPasskey }
  | { readonly kind: 'passkeys'; readonly passkeys: readonly OwnPasskey[] };

/** A passkey as its owner may see it. Times are milliseconds since 1970. */
export interface OwnPasskey {
  /** The credential id, in base64url. */
  readonly id: string;
  readonly name: string | null;
  /** Whether it is synchronised between devices, as the authenticator says. */
  readonly isSynced: boolean;
  readonly isBackedUp: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}
