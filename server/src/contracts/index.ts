import type { Contract } from './contract.ts';
import { credentialType } from './credential-type/contract.ts';
import { fingerprint } from './fingerprint/contract.ts';
import { login } from './login/contract.ts';
import { native } from './native/contract.ts';
import { profile } from './profile/contract.ts';
import { rolePicker } from './role-picker/contract.ts';

/** The contracts that can be mounted. A new one is a folder beside these and a line here. */
export const contracts: readonly Contract[] = [fingerprint, profile, rolePicker, credentialType, login];

/** The native API: a contract like the others, always mounted, under its own `/v1`. */
export const nativeContract: Contract = native;
