import type { Message, NamedFactor } from './message.ts';

const SIX_DIGITS = '042042';
const LONG_CODE = 'Zm9vYmFyLW9mLXNvbWUtbGVuZ3RoLXRoYXQtaXMtNDM';
const CODE_MILLISECONDS = 600_000;
const FACTOR: NamedFactor = 'passkey';

/** A message of a kind with invented data, for previews. @param at the time that it tells of, in milliseconds since 1970 */
export function exampleMessage(kind: Message['kind'], at: number): Message {
  const expiresAt = at + CODE_MILLISECONDS;
  switch (kind) {
    case 'sign-in-code':
    case 'device-code':
    case 'address-code':
    case 'sign-up-code':
      return { kind, digits: SIX_DIGITS, expiresAt };
    case 'validation-code':
    case 'reset-code':
      return { kind, code: LONG_CODE, expiresAt };
    case 'account-locked':
      return { kind, failures: 3, lockedUntil: at };
    case 'signed-in-after-failures':
      return { kind, failures: 12, at };
    case 'factor-added':
    case 'factor-removed':
      return { kind, factor: FACTOR, at };
    case 'recovery-code-used':
      return { kind, left: 9, at };
    case 'new-device':
      return { kind, at, address: '192.0.2.7', place: 'Porto, Portugal', userAgent: 'Chrome on Windows' };
    default:
      return { kind, at };
  }
}
