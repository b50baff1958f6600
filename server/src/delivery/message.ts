/** What is told by mail. Times are milliseconds since 1970. */
export type Message =
  | { readonly kind: 'sign-in-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'device-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'account-locked'; readonly failures: number; readonly lockedUntil: number }
  /** A sign-in was completed after as many wrong passwords as an attack makes. */
  | { readonly kind: 'signed-in-after-failures'; readonly failures: number; readonly at: number }
  /** A code to type that proves an address. */
  | { readonly kind: 'address-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'sign-up-code'; readonly digits: string; readonly expiresAt: number }
  /** Somebody began to sign up with the address of an account that is there. */
  | { readonly kind: 'sign-up-known'; readonly at: number }
  /** A code that names its ticket by itself: it is long, and stands alone on its line. */
  | { readonly kind: 'validation-code'; readonly code: string; readonly expiresAt: number }
  | { readonly kind: 'reset-code'; readonly code: string; readonly expiresAt: number }
  | { readonly kind: 'password-changed'; readonly at: number }
  | { readonly kind: 'factor-added'; readonly factor: NamedFactor; readonly at: number }
  | { readonly kind: 'factor-removed'; readonly factor: NamedFactor; readonly at: number }
  | { readonly kind: 'recovery-code-used'; readonly left: number; readonly at: number }
  /** To the address that it was until now. */
  | { readonly kind: 'email-changed'; readonly at: number }
  | { readonly kind: 'phone-changed'; readonly at: number }
  | {
      readonly kind: 'new-device';
      readonly at: number;
      readonly address: string;
      /** In words, where the operator's data knows it. */
      readonly place: string | null;
      /** In words, such as `Chrome on Windows`. */
      readonly userAgent: string | null;
    };

/**
 * Who can cause a message of each kind: anybody who knows an address, or only somebody who has shown the account's
 * password or has a session. A code for an address that is yet to be proven goes to somebody who may not have asked.
 */
const CAUSES: Readonly<Record<Message['kind'], 'anybody' | 'the-owner'>> = {
  'sign-in-code': 'the-owner',
  'device-code': 'the-owner',
  'account-locked': 'anybody',
  'signed-in-after-failures': 'anybody',
  'address-code': 'anybody',
  'sign-up-code': 'anybody',
  'sign-up-known': 'anybody',
  'validation-code': 'anybody',
  'reset-code': 'anybody',
  'password-changed': 'the-owner',
  'factor-added': 'the-owner',
  'factor-removed': 'the-owner',
  'recovery-code-used': 'the-owner',
  'email-changed': 'the-owner',
  'phone-changed': 'the-owner',
  'new-device': 'the-owner',
};

/** Who can cause a message of that kind. */
export function whoCanCause(kind: Message['kind']): 'anybody' | 'the-owner' {
  return CAUSES[kind];
}

/** What can be added to an account, or removed from it. */
export type NamedFactor = 'totp' | 'email' | 'recovery-codes' | 'passkey';

/** A message that carries a code: six digits, or one that is long and names its ticket by itself. */
export type CodeMessage = Extract<Message, { readonly expiresAt: number }>;
