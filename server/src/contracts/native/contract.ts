import { type Contract, FAULT_STATUS, neverSpoken } from '../contract.ts';
import { addressEndpoints } from './addresses.ts';
import { challengeEndpoints, challengeReplies } from './challenges.ts';
import { deviceEndpoints, deviceReplies } from './devices.ts';
import { factorEndpoints, factorReplies } from './factors.ts';
import { decline, FAULT_CODES, failure, refusal } from './failure.ts';
import { passkeyEndpoints, passkeyReplies } from './passkeys.ts';
import { passwordEndpoints } from './passwords.ts';
import { sessionEndpoints, sessionReplies } from './sessions.ts';
import { signInEndpoints, signInReplies } from './sign-in.ts';
import { signUpEndpoints, signUpReplies } from './sign-up.ts';

/** The native API: what our own clients speak, and what completes the steps that other contracts have no field for. */
export const native: Contract = {
  name: 'native',
  title: 'The native API: signing in, challenges, introspection and sessions',
  ticketForm: 'challenge',
  servesEveryMount: true,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  signsUp: ['people'],
  offersResendCode: false,
  defaults: { accessTokenSeconds: 900, refreshTokenSeconds: 30 * 86_400, requireValidatedEmail: false },

  endpoints: [
    ...signInEndpoints,
    ...signUpEndpoints,
    ...challengeEndpoints,
    ...sessionEndpoints,
    ...deviceEndpoints,
    ...passwordEndpoints,
    ...factorEndpoints,
    ...addressEndpoints,
    ...passkeyEndpoints,
  ],

  encode: {
    ...signInReplies,
    ...signUpReplies,
    'signed-up': neverSpoken,
    challenge: neverSpoken,
    ...challengeReplies,
    ...sessionReplies,
    ...factorReplies,
    ...passkeyReplies,
    ...deviceReplies,
    refused: refusal,
    declined: decline,
    throttled: (_, wire) => failure(429, 'too-many-requests', wire),
    overloaded: (_, wire) => failure(503, 'unavailable', wire),
    accepted: () => ({ status: 202, body: { accepted: true } }),
    done: () => ({ status: 204, body: null }),
    choices: neverSpoken,
    validated: neverSpoken,
    me: neverSpoken,
  },

  fault: (fault, wire) => failure(FAULT_STATUS[fault], FAULT_CODES[fault], wire),

  claimNames: ['role'],
  claims: (principal) =>
    principal.kind === 'account'
      ? { role: (principal.picked ?? principal.view.primary)?.role?.name ?? '' }
      : {},
};
