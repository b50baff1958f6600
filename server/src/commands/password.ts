import type { IdentifierKind } from '../accounts/identifier.ts';

/** What people ask for about the password and the validation of an account. */
export type PasswordCommand =
  /** Mails a code for a new password to whoever has the identifier. */
  | {
      readonly kind: 'forgot-password';
      readonly identifier: { readonly value: string; readonly kinds: readonly IdentifierKind[] };
    }
  /** Sets a new password with the code. */
  | { readonly kind: 'reset-password'; readonly code: string; readonly password: string }
  | {
      readonly kind: 'change-password';
      readonly token: string;
      readonly currentPassword: string;
      readonly password: string;
    }
  /** Mails a code that validates the account to whom a refused sign-in gave this code. */
  | { readonly kind: 'resend-validation'; readonly code: string }
  /** Validates an account with a code and its password; with a code for a new password, sets that. */
  | { readonly kind: 'validate-account'; readonly code: string; readonly password: string };

/** How it ended, where that is more than that it was done. */
export type PasswordOutcome = {
  readonly kind: 'validated';
  /** The address that is proven now. */
  readonly email: string;
};
