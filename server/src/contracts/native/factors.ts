import type { Static } from 'typebox';
import type { EnrolledFactor, RemovableFactor } from '../../commands/factor.ts';
import { type Decoded, type Encoders, type Endpoint, readText, type WireRequest } from '../contract.ts';
import { TOKEN_LIMIT, withBearer } from './bearer.ts';
import { Confirmation, Enrolment, Factors, RecoveryCodes, TotpEnrolment } from './shapes.ts';

const CODE_LIMIT = 64;

const begin = (
  factor: EnrolledFactor,
  summary: string,
  replies: Endpoint['describe']['replies'],
): Endpoint => ({
  method: 'POST',
  path: `/v1/factors/${factor}`,
  summary,
  accepts: ['json'],
  describe: { bearer: true, replies },
  decode: withBearer((token) => ({ kind: 'enrol-factor', token, factor })),
});

const confirm = (factor: EnrolledFactor, summary: string): Endpoint => ({
  method: 'POST',
  path: `/v1/factors/${factor}/confirm`,
  summary,
  accepts: ['json'],
  describe: { request: Confirmation, bearer: true, replies: { 200: RecoveryCodes } },
  decode: (request) => decodeConfirm(request, factor),
});

const remove = (factor: RemovableFactor, summary: string): Endpoint => ({
  method: 'DELETE',
  path: `/v1/factors/${factor}`,
  summary,
  accepts: [],
  describe: { bearer: true, replies: { 204: null } },
  decode: withBearer((token) => ({ kind: 'remove-factor', token, factor })),
});

function decodeConfirm(request: WireRequest, factor: EnrolledFactor): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  const code = readText(request.body, 'code', { max: CODE_LIMIT });
  if (ticket.state !== 'text' || code.state !== 'text') return { fault: 'unreadable' };
  const token = request.bearer ?? '';
  return {
    command: { kind: 'confirm-factor', token, factor, ticket: ticket.value, code: code.value },
  };
}

/** The second factors of an account. All but the list want a session that is fresh. */
export const factorEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v1/factors',
    summary: 'The account’s second factors',
    accepts: [],
    describe: { bearer: true, replies: { 200: Factors } },
    decode: withBearer((token) => ({ kind: 'list-factors', token })),
  },
  begin('totp', 'Begin to set up an authenticator app, or another one in its place', {
    201: TotpEnrolment,
  }),
  confirm('totp', 'Confirm the authenticator app with one of its codes'),
  remove('totp', 'Do without the authenticator app'),
  begin('email', 'Begin to have codes mailed: the first one goes out', { 202: Enrolment }),
  confirm('email', 'Confirm with the code that was mailed'),
  remove('email', 'Have no codes mailed any more'),
  {
    method: 'POST',
    path: '/v1/factors/recovery-codes',
    summary: 'Ten new recovery codes, in the place of those that are left',
    accepts: ['json'],
    describe: { bearer: true, replies: { 201: RecoveryCodes } },
    decode: (request) => ({
      command: { kind: 'renew-recovery-codes', token: request.bearer ?? '' },
      echo: { renewed: 'yes' },
    }),
  },
  remove('recovery-codes', 'Do without recovery codes'),
];

/** How they are answered. */
export const factorReplies: Pick<Encoders, 'factors' | 'enrolment' | 'recovery-codes'> = {
  factors: ({ factors: { email, totp, recoveryCodes } }) => ({
    status: 200,
    body: {
      email: { on: email.isOn, address: email.address },
      totp: { on: totp.isOn },
      recoveryCodes: { left: recoveryCodes.left },
    } satisfies Static<typeof Factors>,
  }),
  enrolment: ({ ticket, totp }) =>
    totp === null
      ? { status: 202, body: { challenge_token: ticket } satisfies Static<typeof Enrolment> }
      : {
          status: 201,
          body: { challenge_token: ticket, ...totp } satisfies Static<typeof TotpEnrolment>,
        },
  'recovery-codes': ({ codes }, wire) => ({
    status: wire.echo.renewed === undefined ? 200 : 201,
    body: { recoveryCodes: [...codes] } satisfies Static<typeof RecoveryCodes>,
  }),
};
