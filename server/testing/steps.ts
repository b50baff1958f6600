import type { Answer, Person, TestApp } from './app.ts';
import { DOORS } from './doors.ts';

/** A sign-in that waits for a code: its ticket, and how its contract's clients go on. */
export interface OpenStep {
  readonly contract: string;
  readonly ticket: string;
  prove(code: unknown): Promise<Answer>;
  resend(): Promise<Answer>;
}

/** A server that can be asked: one in this process, or another. */
export type Server = Pick<TestApp, 'post'>;

/** How one contract's clients come to a second factor, prove it, and where the access token is in the end. */
interface StepDoor {
  readonly ticketOf: (
    server: Server,
    answer: Answer,
    headers: Record<string, string>,
  ) => Promise<string> | string;
  readonly prove: Call;
  readonly resend: Call;
  readonly accessTokenOf: (answer: Answer) => string | undefined;
}

type Call = (ticket: string, code?: unknown) => readonly [string, object, Record<string, string>?];

const challenge = {
  prove: (challenge_token, code) => ['/v1/challenges/verify', { challenge_token, code }],
  resend: (challenge_token) => ['/v1/challenges/resend', { challenge_token }],
} satisfies Pick<StepDoor, 'prove' | 'resend'>;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const STEP_DOORS: Readonly<Record<string, StepDoor>> = {
  fingerprint: {
    ticketOf: (_, { body }) => body.data.token,
    prove: (token, code) => ['/accounts/verify-2fa', { code }, bearer(token)],
    resend: (token) => ['/accounts/resend-code', {}, bearer(token)],
    accessTokenOf: ({ body }) => body.data?.token,
  },
  profile: {
    ticketOf: (_, { body }) => body.challengeToken,
    ...challenge,
    accessTokenOf: ({ body }) => body.accessToken,
  },
  'role-picker': {
    async ticketOf(server, { body }, headers) {
      const [{ loginToken }] = body.result[0];
      const due = await server.post('/auth/sign-in', { loginToken, is2FAEnabled: true }, headers);
      return due.body.loginToken;
    },
    prove: (loginToken, pin) => ['/auth/sign-in-with-2fa', { loginToken, pin }],
    resend: (loginToken) => ['/auth/resend-2fa', { loginToken }],
    accessTokenOf: ({ body }) => body.token,
  },
  'credential-type': {
    ticketOf: (_, { body }) => body.challengeToken,
    ...challenge,
    accessTokenOf: ({ body }) => body.authorization?.token,
  },
  login: {
    ticketOf: (_, { body }) => body.extra_attributes.challenge_token,
    ...challenge,
    accessTokenOf: ({ body }) => body.access_token,
  },
};

/** The contracts at which people come to a second factor. */
export const STEP_CONTRACTS = Object.keys(STEP_DOORS);

/** Signs in with the password, up to the step that is due. @param headers more of them */
export async function openStep(
  server: Server,
  contract: string,
  person: Pick<Person, 'email' | 'password'>,
  headers: Record<string, string> = {},
): Promise<OpenStep> {
  const door = DOORS.find((each) => each.contract === contract);
  const step = STEP_DOORS[contract];
  if (!door || !step) throw new Error(`nobody knows how to sign in at ${contract}`);
  const answer = await server.post(door.path, door.body(person), { ...door.headers, ...headers });
  const ticket = await step.ticketOf(server, answer, headers);
  return {
    contract,
    ticket,
    prove: (code) => server.post(...step.prove(ticket, code)),
    resend: () => server.post(...step.resend(ticket)),
  };
}

/** Signs somebody in of whom nothing more than the password is asked, to the answer with the tokens. */
export async function signIn(
  server: Server,
  contract: string,
  person: Pick<Person, 'email' | 'password'>,
): Promise<Answer> {
  const door = DOORS.find((each) => each.contract === contract);
  if (!door) throw new Error(`nobody knows how to sign in at ${contract}`);
  const answer = await server.post(door.path, door.body(person), door.headers);
  if (contract !== 'role-picker') return answer;
  const [{ loginToken }] = answer.body.result[0];
  return server.post('/auth/sign-in', { loginToken, is2FAEnabled: false });
}

/** The access token in the answer to a completed sign-in; undefined in any other. */
export function accessTokenIn(contract: string, answer: Answer): string | undefined {
  return answer.status === 200 ? STEP_DOORS[contract]?.accessTokenOf(answer) : undefined;
}
