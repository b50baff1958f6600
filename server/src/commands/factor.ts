/** A factor that an account can be given in two requests: one begins, the other shows that it works. */
export type EnrolledFactor = 'totp' | 'email';

/** What an account can do away with. */
export type RemovableFactor = EnrolledFactor | 'recovery-codes';

/** What the owner of an account asks about its second factors. All but the list want a fresh proof. */
export type FactorCommand =
  | { readonly kind: 'list-factors'; readonly token: string }
  | { readonly kind: 'enrol-factor'; readonly token: string; readonly factor: EnrolledFactor }
  | {
      readonly kind: 'confirm-factor';
      readonly token: string;
      readonly factor: EnrolledFactor;
      readonly ticket: string;
      readonly code: string;
    }
  | { readonly kind: 'remove-factor'; readonly token: string; readonly factor: RemovableFactor }
  | { readonly kind: 'renew-recovery-codes'; readonly token: string };

/** An account's second factors, as its owner may see them. */
export interface OwnFactors {
  /** The address that PINs go to, most of it hidden; null without one. */
  readonly email: { readonly isOn: boolean; readonly address: string | null };
  readonly totp: { readonly isOn: boolean };
  readonly recoveryCodes: { readonly left: number };
}

/** How that can end. */
export type FactorOutcome =
  | { readonly kind: 'factors'; readonly factors: OwnFactors }
  | {
      readonly kind: 'enrolment';
      readonly ticket: string;
      /** What an authenticator app is told; null where a code was mailed instead. */
      readonly totp: { readonly secret: string; readonly uri: string; readonly qr: string } | null;
    }
  /** Shown this once. Empty where an enrolment was confirmed and the account had what stands in for its factors. */
  | { readonly kind: 'recovery-codes'; readonly codes: readonly string[] };
