import { expect } from 'vitest';
import type { Answer, TestApp } from './app.ts';
import type { MailSink } from './mail-sink.ts';

/** The code that stands alone on a line of the next mail to an address that has one; notices before it are passed over. */
export async function longCode(mail: MailSink, address: string): Promise<string> {
  for (;;) {
    const { text = '' } = await mail.next(address);
    const code = text.split('\n').find((line) => /^[\w-]{43}$/.test(line.trim()));
    if (code !== undefined) return code.trim();
  }
}

/** Why a new password was refused. */
export type PasswordRefusal = 'password-length' | 'password-listed' | 'password-reused';

/** An expected answer: the status, and what the body has at least. */
interface Expected {
  readonly status: number;
  readonly body: unknown;
}

/** How one contract is asked for a new password, and what it answers. */
export interface RecoveryDoor {
  readonly contract: string;
  ask(app: Pick<TestApp, 'post'>, identifier: unknown): Promise<Answer>;
  readonly asked: Expected;
  reset(app: Pick<TestApp, 'post'>, code: unknown, password: unknown): Promise<Answer>;
  readonly done: Expected;
  readonly codeRefused: Expected;
  refused(problem: PasswordRefusal): Expected;
}

const unprocessable = (message: string): Expected => ({
  status: 422,
  body: { message: '422 Unprocessable Entity', errors: { password: [message] }, status_code: 422 },
});
const loginError = (status: number, error_code: string, message: string): Expected => ({
  status,
  body: { error_code, message },
});
const nativeError = (status: number, code: string): Expected => ({ status, body: { error: { code } } });

/** The contracts at which people get a new password. */
export const RECOVERY_DOORS: readonly RecoveryDoor[] = [
  {
    contract: 'role-picker',
    ask: (app, email) => app.post('/password/send-token', { email }),
    asked: { status: 200, body: { sent: true } },
    reset: (app, token, password) => app.post('/password/reset', { means: 'token', token, password }),
    done: { status: 200, body: { data: { status_code: 200, message: 'OK' } } },
    codeRefused: { status: 404, body: { message: 'Reset token not found.', status_code: 404 } },
    refused: (problem) =>
      unprocessable(
        {
          'password-length': 'The password must be between 8 and 1024 characters.',
          'password-listed': 'The password is too easy to guess.',
          'password-reused': 'You cannot reuse old passwords.',
        }[problem],
      ),
  },
  {
    contract: 'login',
    ask: (app, user_reference) => app.post('/api/public/account/forgot-password', { user_reference }),
    asked: { status: 204, body: undefined },
    reset: (app, code, password) => app.post('/api/public/account/validate', { code, password }),
    done: { status: 200, body: { email: expect.any(String) } },
    codeRefused: loginError(401, 'bad-credentials', 'Invalid username and/or password'),
    refused: (problem) =>
      loginError(
        400,
        'bad-request',
        {
          'password-length': 'The password must be between 8 and 1024 characters',
          'password-listed': 'The password is too easy to guess',
          'password-reused': 'The password was used before',
        }[problem],
      ),
  },
  {
    contract: 'native',
    ask: (app, identifier) => app.post('/v1/password/forgot', { identifier }),
    asked: { status: 202, body: { accepted: true } },
    reset: (app, token, password) => app.post('/v1/password/reset', { token, password }),
    done: { status: 204, body: undefined },
    codeRefused: nativeError(404, 'reset-token-invalid'),
    refused: (problem) => nativeError(422, problem === 'password-listed' ? 'password-too-easy' : problem),
  },
];

/** Asks a door for a code, and takes it from the mail. */
export async function askForCode(
  app: TestApp,
  door: RecoveryDoor,
  { email }: { email: string },
): Promise<string> {
  await door.ask(app, email);
  return longCode(app.mail, email);
}
