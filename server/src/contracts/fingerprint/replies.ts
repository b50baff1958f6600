import type { Static } from 'typebox';
import type { AccountView } from '../../sign-in/attempt.ts';
import { isoTime, type Reply } from '../contract.ts';
import type { Envelope } from './shapes.ts';

const OBSERVATIONS = {
  done: { code: 1, message: 'all right' },
  'second-factor': { code: 2, message: 'two factor verification needed' },
  device: { code: 3, message: 'device recognition needed' },
} as const;

const ERRORS: Readonly<Record<number, { message: string; error: string }>> = {
  401: { message: 'Unauthorized', error: 'Unauthorized' },
  403: { message: 'Forbidden resource', error: 'Forbidden' },
  404: { message: 'Not Found', error: 'Not Found' },
  405: { message: 'Method Not Allowed', error: 'Method Not Allowed' },
  413: { message: 'Payload Too Large', error: 'Payload Too Large' },
  415: { message: 'Unsupported Media Type', error: 'Unsupported Media Type' },
  429: { message: 'Too Many Requests', error: 'Too Many Requests' },
  500: { message: 'Internal server error', error: 'Internal Server Error' },
  503: { message: 'Service Unavailable', error: 'Service Unavailable' },
};

/** An error in this contract's shape. */
export function failure(status: number): Reply {
  return { status, body: { ...(ERRORS[status] ?? ERRORS[500]), statusCode: status } };
}

/** Names what is missing or malformed, in the order of the document. */
export function invalidParams(names: readonly string[]): Reply {
  return {
    status: 400,
    body: { message: `Invalid param: [${names.join(', ')}]`, error: 'Bad Request', statusCode: 400 },
  };
}

/** The answer to a completed sign-in, or to a step that is due. */
export function envelope(
  view: AccountView,
  answer: { token: string; refreshToken: string; at: number; observation: keyof typeof OBSERVATIONS },
): Reply {
  const { account } = view;
  const body: Static<typeof Envelope> = {
    statusCode: 200,
    data: {
      token: answer.token,
      refreshToken: answer.refreshToken,
      authenticationType: 'Bearer',
      account: {
        id: account.id,
        username: account.username ?? account.email ?? account.phone ?? '',
        status: account.emailValidated ? 'activated' : 'pending',
        createdAt: isoTime(account.createdAt),
        emailHasBeenValidated: account.emailValidated,
        phoneHasBeenValidated: account.phoneValidated,
      },
      user: { id: account.user.id, name: account.user.name },
      loggedAt: isoTime(answer.at),
      observation: OBSERVATIONS[answer.observation],
    },
  };
  return { status: 200, body };
}
