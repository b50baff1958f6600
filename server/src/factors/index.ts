import type { Factor } from './factor.ts';
import { mailedPin } from './mailed-code.ts';
import { passkey } from './passkey.ts';
import { recoveryCode } from './recovery-code.ts';
import { totp } from './totp.ts';

/** The factors there are. A new one is a file beside these and a line here. */
export const FACTORS: readonly Factor[] = [mailedPin, totp, recoveryCode, passkey];
