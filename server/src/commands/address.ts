/** A way to reach the owner of an account that is proven by a code that is typed. */
export type AddressKind = 'email' | 'phone';

/** What the owner of an account asks about where it can be reached. */
export type AddressCommand =
  /** Sends a code to the present address. */
  | { readonly kind: 'validate-address'; readonly token: string; readonly address: AddressKind }
  /** Sends a code to another one, which takes its place when it is proven. Wants a fresh proof of who asks. */
  | {
      readonly kind: 'change-address';
      readonly token: string;
      readonly address: AddressKind;
      readonly to: string;
    }
  | {
      readonly kind: 'confirm-address';
      readonly token: string;
      readonly address: AddressKind;
      readonly ticket: string;
      readonly code: string;
    };
