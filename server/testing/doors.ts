import type { Answer, Person, TestApp } from './app.ts';

/** An expected answer: the status, and the whole body but for what is different in every answer. */
export interface Expected {
  readonly status: number;
  readonly body: unknown;
}

/** How one contract is signed in at with a password, and what it answers: the controls are tested at all of them alike. */
export interface Door {
  readonly contract: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  body(who: { email: string; password: string }): object;
  /** The string members that a request must have, as paths into the body. */
  readonly fields: readonly (readonly string[])[];
  readonly isSignedIn: (answer: Answer) => boolean;
  readonly refused: Expected;
  readonly inactive: Expected;
  readonly suspended: Expected;
  readonly notValidated: Expected | null;
  readonly throttled: Expected;
  readonly overloaded: Expected;
  readonly internal: Expected;
  readonly unreadable: Expected;
  readonly tooLarge: Expected;
  readonly unsupportedMediaType: Expected;
  readonly methodNotAllowed: Expected;
}

const fingerprintError = (status: number, message: string, error = message): Expected => ({
  status,
  body: { message, error, statusCode: status },
});
const profileError = (status: number, message: string, more: object = {}): Expected => ({
  status,
  body: { statusCode: status, message, ...more },
});
const pickerError = (status: number, message: string): Expected => ({
  status,
  body: { status_code: status, message },
});
const typeError = (status: number, code: string, message: string): Expected => ({
  status,
  body: { code, message },
});
const loginError = (status: number, error_code: string, message: string): Expected => ({
  status,
  body: { error_code, message },
});

const invalidCredentials = typeError(400, 'invalid_credentials', 'The provided credentials are invalid');
const invalidRequest = (status: number) => typeError(status, 'invalid_request', 'The request cannot be read');

/** The five contracts. */
export const DOORS: readonly Door[] = [
  {
    contract: 'fingerprint',
    path: '/identity/sign-in',
    headers: { 'x-fingerprint-id': 'a-device' },
    body: ({ email, password }) => ({ username: email, password }),
    fields: [['username'], ['password']],
    isSignedIn: ({ status, body }) => status === 200 && body.data.observation.code === 1,
    refused: fingerprintError(401, 'Unauthorized'),
    inactive: fingerprintError(403, 'Forbidden resource', 'Forbidden'),
    suspended: fingerprintError(403, 'Forbidden resource', 'Forbidden'),
    notValidated: fingerprintError(403, 'Forbidden resource', 'Forbidden'),
    throttled: fingerprintError(429, 'Too Many Requests'),
    overloaded: fingerprintError(503, 'Service Unavailable'),
    internal: fingerprintError(500, 'Internal server error', 'Internal Server Error'),
    unreadable: fingerprintError(400, 'Invalid param: []', 'Bad Request'),
    tooLarge: fingerprintError(413, 'Payload Too Large'),
    unsupportedMediaType: fingerprintError(415, 'Unsupported Media Type'),
    methodNotAllowed: fingerprintError(405, 'Method Not Allowed'),
  },
  {
    contract: 'profile',
    path: '/api/v1/auths/sign-in',
    body: ({ email, password }) => ({ email, password }),
    fields: [['email'], ['password']],
    isSignedIn: ({ status, body }) => status === 200 && typeof body.user.id === 'number',
    refused: profileError(401, 'Invalid email or password'),
    inactive: profileError(403, 'Account is inactive. Contact administrator.'),
    suspended: profileError(403, 'Account is inactive. Contact administrator.'),
    notValidated: profileError(403, 'Account is not validated.'),
    throttled: profileError(429, 'Too many attempts. Try again later.'),
    overloaded: profileError(503, 'Service unavailable.'),
    internal: profileError(500, 'Internal server error'),
    unreadable: profileError(400, 'Validation failed', { errors: [] }),
    tooLarge: profileError(413, 'Payload too large'),
    unsupportedMediaType: profileError(415, 'Unsupported media type'),
    methodNotAllowed: profileError(405, 'Method not allowed'),
  },
  {
    contract: 'role-picker',
    path: '/auth/sign-in-verify',
    body: ({ email, password }) => ({ identity: email, password }),
    fields: [['identity'], ['password']],
    isSignedIn: ({ status, body }) => status === 200 && body.result[0].length > 0,
    refused: pickerError(401, 'Password is invalid.'),
    inactive: pickerError(401, 'Account is inactive.'),
    suspended: pickerError(401, 'Organisation is suspended.'),
    notValidated: pickerError(401, 'Account is not validated.'),
    throttled: pickerError(429, 'Too many attempts. Try again later.'),
    overloaded: pickerError(503, 'Service unavailable.'),
    internal: pickerError(500, 'Internal server error.'),
    unreadable: pickerError(400, 'Bad Request'),
    tooLarge: pickerError(413, 'Payload Too Large'),
    unsupportedMediaType: pickerError(415, 'Unsupported Media Type'),
    methodNotAllowed: pickerError(405, 'Method Not Allowed'),
  },
  {
    contract: 'credential-type',
    path: '/api/v1/auth/sign-in',
    body: ({ email, password }) => ({ type: 'email-password', data: { email, password } }),
    fields: [
      ['data', 'email'],
      ['data', 'password'],
    ],
    isSignedIn: ({ status, body }) => status === 200 && typeof body.authorization.token === 'string',
    refused: invalidCredentials,
    inactive: invalidCredentials,
    suspended: invalidCredentials,
    notValidated: invalidCredentials,
    throttled: typeError(429, 'rate_limit', 'Too many sign-in attempts: wait and try again'),
    overloaded: typeError(503, 'unavailable', 'The service is not available now'),
    internal: typeError(500, 'internal_error', 'Something failed inside'),
    unreadable: invalidRequest(400),
    tooLarge: invalidRequest(413),
    unsupportedMediaType: invalidRequest(415),
    methodNotAllowed: invalidRequest(405),
  },
  {
    contract: 'login',
    path: '/auth/login',
    body: ({ email, password }) => ({ username: email, password }),
    fields: [['username'], ['password']],
    isSignedIn: ({ status, body }) => status === 200 && body.access_token === body.jwt_token,
    refused: loginError(401, 'bad-credentials', 'Invalid username and/or password'),
    inactive: loginError(401, 'inactive-account', 'Account has been disabled/deleted'),
    suspended: loginError(401, 'inactive-account', 'Account has been disabled/deleted'),
    notValidated: loginError(401, 'account-not-validated', 'Account not validated'),
    throttled: loginError(429, 'too-many-requests', 'Too many attempts, try again later'),
    overloaded: loginError(503, 'unavailable', 'Service unavailable'),
    internal: loginError(500, 'internal-error', 'Internal error'),
    unreadable: loginError(400, 'bad-request', 'Missing or invalid request body'),
    tooLarge: loginError(413, 'payload-too-large', 'Request body too large'),
    unsupportedMediaType: loginError(415, 'unsupported-media-type', 'Unsupported media type'),
    methodNotAllowed: loginError(405, 'method-not-allowed', 'Method not allowed'),
  },
];

const nativeError = (status: number, code: string, message: string): Expected => ({
  status,
  body: { error: { code, message } },
});
const nativeRefusal = nativeError(403, 'account-refused', 'The account cannot sign in now.');

/** The native API, which is always served and no mount. */
const NATIVE_DOOR: Door = {
  contract: 'native',
  path: '/v1/sign-in',
  body: ({ email, password }) => ({ identifier: email, password }),
  fields: [['identifier'], ['password']],
  isSignedIn: ({ status, body }) => status === 200 && typeof body.accessToken === 'string',
  refused: nativeError(401, 'bad-credentials', 'The identifier or the password is wrong.'),
  inactive: nativeRefusal,
  suspended: nativeRefusal,
  notValidated: nativeRefusal,
  throttled: nativeError(429, 'too-many-requests', 'Too many attempts. Try again later.'),
  overloaded: nativeError(503, 'unavailable', 'The service is not available now. Try again later.'),
  internal: nativeError(500, 'internal-error', 'Something failed inside.'),
  unreadable: nativeError(400, 'bad-request', 'The request body is missing a member or cannot be read.'),
  tooLarge: nativeError(413, 'payload-too-large', 'The request body is too large.'),
  unsupportedMediaType: nativeError(
    415,
    'unsupported-media-type',
    'The content type must be application/json.',
  ),
  methodNotAllowed: nativeError(405, 'method-not-allowed', 'This path does not take that method.'),
};

/** Everywhere that a password signs somebody in: the five contracts and the native API. */
export const ALL_DOORS: readonly Door[] = [...DOORS, NATIVE_DOOR];

/** Signs in at a door. */
export function signInAt(app: TestApp, door: Door, who: Pick<Person, 'email' | 'password'>): Promise<Answer> {
  return app.post(door.path, door.body(who), door.headers);
}

/** An answer without what is different in every one: the id of the request, and the code that asks for a new validation. */
export function comparable({ status, body }: Answer): Expected {
  if (typeof body !== 'object' || body === null) return { status, body };
  const { trace_id, extra_attributes, ...rest } = body;
  for (const id of [trace_id, body.error?.requestId])
    if (id !== undefined && !/^[0-9a-f]{16}$/.test(id)) throw new Error(`the id ${id} is not 16 hex digits`);
  if (body.error?.requestId !== undefined) {
    const { requestId: _, ...error } = body.error;
    return { status, body: { ...rest, error } };
  }
  const { resend_code, ...others } = extra_attributes ?? {};
  return { status, body: Object.keys(others).length > 0 ? { ...rest, extra_attributes: others } : rest };
}
