import { type Static, Type } from 'typebox';
import {
  type Contract,
  type Decoded,
  FAULT_STATUS,
  IDENTIFIER_LIMIT,
  nativeOnly,
  neverSpoken,
  PASSWORD_LIMIT,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';

const Opened = Type.Object({ ok: Type.Literal(true), pass: Type.String(), greeting: Type.String() });

function denied(status: number, why: string, more: object = {}): Reply {
  return { status, body: { ok: false, why, ...more } };
}

function decodeOpen(request: WireRequest): Decoded {
  const badge = readText(request.body, 'badge', { max: IDENTIFIER_LIMIT });
  const secret = readText(request.body, 'secret', { max: PASSWORD_LIMIT });
  if (badge.state !== 'text' || secret.state !== 'text')
    return { reply: denied(400, 'badge and secret, please') };
  const identifiers = [{ value: badge.value, kinds: ['username'] as const }];
  return {
    command: {
      kind: 'begin',
      credential: { kind: 'password', identifiers, password: secret.value, accounts: 'one' },
      fingerprint: null,
    },
  };
}

/** The `kiosk` contract: an invented one, for the walk-through in CONTRIBUTING. */
export const kiosk: Contract = {
  name: 'kiosk',
  title: 'Opens a kiosk by badge and secret',
  ticketForm: 'challenge',
  servesEveryMount: false,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  signsUp: [],
  offersResendCode: false,
  defaults: { accessTokenSeconds: 900, refreshTokenSeconds: null, requireValidatedEmail: false },

  endpoints: [
    {
      method: 'POST',
      path: '/kiosk/open',
      summary: 'Open the kiosk',
      accepts: ['json'],
      describe: {
        request: Type.Object({ badge: Type.String(), secret: Type.String() }),
        replies: { 200: Opened },
      },
      decode: decodeOpen,
    },
  ],

  encode: {
    'signed-in': ({ principal, tokens }) => {
      if (principal.kind !== 'account') throw new Error('only people open kiosks');
      const body: Static<typeof Opened> = {
        ok: true,
        pass: tokens.accessToken,
        greeting: `Hello ${principal.view.account.user.name}`,
      };
      return { status: 200, body };
    },
    'step-required': ({ ticket }) => denied(403, 'one more step', { challenge: ticket }),
    refused: () => denied(403, 'no'),
    throttled: () => denied(429, 'wait'),
    overloaded: () => denied(503, 'wait'),
    choices: neverSpoken,
    resent: neverSpoken,
    refreshed: neverSpoken,
    me: neverSpoken,
    'signed-out': neverSpoken,
    'signed-up': neverSpoken,
    challenge: neverSpoken,
    accepted: neverSpoken,
    done: neverSpoken,
    declined: neverSpoken,
    validated: neverSpoken,
    ...nativeOnly,
  },

  fault: (fault) => denied(FAULT_STATUS[fault], fault),

  claimNames: [],
  claims: () => ({}),
};
