import type { Answer } from '../app.ts';
import { readJwt } from '../jwt.ts';

// How the six contracts are asked, and what their answers carry. None of it decides what an answer should be.

/** A request: where, with what body, with what headers. */
export type Asked = readonly [path: string, body: object, headers?: Readonly<Record<string, string>>];

/** How one contract is signed in at, and how its sessions go on. */
export interface Mount {
  readonly name: string;
  /** Whether people can be named by their user name here, or by an e-mail address only. */
  readonly takesUsernames: boolean;
  begin(name: string, password: string, device: string): Asked;
  /** The ticket in an answer that asks for a step. */
  ticketIn(body: Answer['body']): unknown;
  readonly refresh: ((token: string) => Asked) | null;
  readonly signOut: string;
}

/** A bearer token. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const isAddress = (name: string) => name.includes('@');

/** The contracts at which people sign in. */
export const MOUNTS: readonly Mount[] = [
  {
    name: 'fingerprint',
    takesUsernames: true,
    begin: (username, password, device) => [
      '/identity/sign-in',
      { username, password },
      { 'x-fingerprint-id': device },
    ],
    ticketIn: (body) => body.data?.token,
    refresh: (refreshToken) => ['/identity/refresh-token', { refreshToken }],
    signOut: '/identity/sign-out',
  },
  {
    name: 'profile',
    takesUsernames: true,
    begin: (name, password) => [
      '/api/v1/auths/sign-in',
      isAddress(name) ? { email: name, password } : { username: name, password },
    ],
    ticketIn: (body) => body.challengeToken,
    refresh: (refreshToken) => ['/api/v1/auths/refresh', { refreshToken }],
    signOut: '/api/v1/auths/sign-out',
  },
  {
    name: 'role-picker',
    takesUsernames: true,
    begin: (identity, password) => ['/auth/sign-in-verify', { identity, password }],
    ticketIn: (body) => body.loginToken,
    refresh: (refreshToken) => ['/auth/refresh', { refreshToken }],
    signOut: '/auth/sign-out',
  },
  {
    name: 'credential-type',
    takesUsernames: false,
    begin: (email, password) => [
      '/api/v1/auth/sign-in',
      { type: 'email-password', data: { email, password } },
    ],
    ticketIn: (body) => body.challengeToken,
    refresh: null,
    signOut: '/v1/sign-out',
  },
  {
    name: 'login',
    takesUsernames: true,
    begin: (username, password) => ['/auth/login', { username, password }],
    ticketIn: (body) => body.extra_attributes?.challenge_token,
    refresh: (refresh_token) => ['/auth/refresh-token', { refresh_token }],
    signOut: '/auth/logout',
  },
  {
    name: 'native',
    takesUsernames: true,
    begin: (identifier, password) => ['/v1/sign-in', { identifier, password }],
    ticketIn: (body) => body.challenge_token,
    refresh: (refreshToken) => ['/v1/refresh', { refreshToken }],
    signOut: '/v1/sign-out',
  },
];

/** Where a step is completed, and where a new code for it is asked for. */
export const STEPS = {
  native: {
    prove: (challenge_token: string, code: string): Asked => [
      '/v1/challenges/verify',
      { challenge_token, code },
    ],
    provePasskey: (challenge_token: string, passkey: object): Asked => [
      '/v1/challenges/verify',
      { challenge_token, passkey },
    ],
    resend: (challenge_token: string): Asked => ['/v1/challenges/resend', { challenge_token }],
  },
  'role-picker': {
    prove: (loginToken: string, pin: string): Asked => ['/auth/sign-in-with-2fa', { loginToken, pin }],
    resend: (loginToken: string): Asked => ['/auth/resend-2fa', { loginToken }],
  },
  fingerprint: {
    prove: (token: string, code: string): Asked => ['/accounts/verify-2fa', { code }, bearer(token)],
    resend: (token: string): Asked => ['/accounts/resend-code', {}, bearer(token)],
  },
  'fingerprint-device': {
    prove: (token: string, code: string, device: string): Asked => [
      '/identity/recognize-device',
      { code },
      { ...bearer(token), 'x-fingerprint-id': device },
    ],
    resend: (token: string): Asked => ['/accounts/resend-code', {}, bearer(token)],
  },
} as const;

/** Where passwords are forgotten and reset. */
export const RECOVERY = {
  'role-picker': {
    forgot: (email: string): Asked => ['/password/send-token', { email }],
    reset: (token: string, password: string): Asked => [
      '/password/reset',
      { means: 'token', token, password },
    ],
  },
  login: {
    forgot: (user_reference: string): Asked => ['/api/public/account/forgot-password', { user_reference }],
    reset: (code: string, password: string): Asked => ['/api/public/account/validate', { code, password }],
  },
  native: {
    forgot: (identifier: string): Asked => ['/v1/password/forgot', { identifier }],
    reset: (token: string, password: string): Asked => ['/v1/password/reset', { token, password }],
  },
} as const;

/** A token of a session that was found in an answer. */
export interface FoundToken {
  readonly text: string;
  readonly kind: 'access' | 'refresh';
  readonly sessionId: string;
  readonly subject: string | null;
  readonly counter: number;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Every token of a session in an answer, wherever it is and whatever the contract's shape: what counts is its `typ`. */
export function tokensIn(answer: Answer): FoundToken[] {
  const texts = [...new Set(answer.text.match(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? [])];
  return texts.flatMap((text) => {
    const { header, payload } = readJwt(text);
    const kind = header.typ === 'at+jwt' ? 'access' : header.typ === 'rt+jwt' ? 'refresh' : null;
    if (kind === null) return [];
    const { sid, sub, n, exp } = payload;
    return [
      {
        text,
        kind,
        sessionId: String(sid),
        subject: sub === undefined ? null : String(sub),
        counter: Number(n ?? 0),
        expiresAt: Number(exp) * 1000,
      },
    ];
  });
}
