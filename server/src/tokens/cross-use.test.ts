import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { askForCode, longCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { ALIKE, headersOf, ROUTES, type Route, type Shape, withMember } from '../../testing/routes.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { totpCode } from '../../testing/totp.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { addResourceServer } from '../store/resource-servers.ts';

const DEVICE = 'the device of these sign-ins';

/** A token of some kind, as somebody was handed it, and the code that it waits for. */
interface Token {
  readonly text: string;
  readonly code?: string;
}

/** As much of an answer as is compared. */
type Presented = Pick<Answer, 'status' | 'text'>;

/** A place in a request where a token could be put. */
interface Slot {
  readonly name: string;
  readonly route: Route;
  readonly shape: Shape | null;
  /** Null for the bearer token. */
  readonly member: readonly string[] | null;
}

const SLOTS: readonly Slot[] = ROUTES.flatMap((route) => [
  ...(route.endpoint.describe.bearer === true
    ? [{ name: `${route.name} bearer`, route, shape: route.shapes[0] ?? null, member: null }]
    : []),
  ...route.shapes.flatMap((shape) =>
    shape.texts.map((member) => ({ name: `${route.name} ${member.join('.')}`, route, shape, member })),
  ),
]);

const REVOCATIONS = 'GET /v1/revocations bearer';
const ANYBODY = ['GET /v1/session bearer', 'GET /v1/forward-auth bearer'];
const SIGN_OUT = ['/identity', '/api/v1/auths', '/auth', '/v1'].map((path) => `POST ${path}/sign-out bearer`);
/** An access token speaks for its session at every mount of its audience; a resource code’s is for introspection only. */
const THING = [...ANYBODY, ...SIGN_OUT, 'POST /auth/logout bearer'];
const ACCOUNT = [
  ...THING,
  'GET /api/v1/auths/me bearer',
  'GET /auth/me bearer',
  'GET /v1/sessions bearer',
  'DELETE /v1/sessions bearer',
  'DELETE /v1/sessions/:id bearer',
  'POST /v1/session/switch bearer',
  'POST /v1/session/prove bearer',
  'GET /v1/factors/passkeys bearer',
  'POST /v1/factors/passkeys/options bearer',
  'POST /v1/factors/passkeys bearer',
  'DELETE /v1/factors/passkeys/:id bearer',
  'GET /v1/devices bearer',
  'POST /v1/devices/:id bearer',
  'DELETE /v1/devices/:id bearer',
  'DELETE /v1/devices bearer',
  'GET /v1/factors bearer',
  'POST /v1/factors/totp bearer',
  'POST /v1/factors/totp/confirm bearer',
  'DELETE /v1/factors/totp bearer',
  'POST /v1/factors/email bearer',
  'POST /v1/factors/email/confirm bearer',
  'DELETE /v1/factors/email bearer',
  'POST /v1/factors/recovery-codes bearer',
  'DELETE /v1/factors/recovery-codes bearer',
  'POST /v1/password/change bearer',
  'POST /v1/email/validate bearer',
  'POST /v1/email bearer',
  'POST /v1/email/confirm bearer',
  'POST /v1/phone/validate bearer',
  'POST /v1/phone bearer',
  'POST /v1/phone/confirm bearer',
];
const CHALLENGE = [
  'POST /v1/challenges/resend challenge_token',
  'POST /v1/challenges/verify challenge_token',
  'POST /v1/challenges/passkey challenge_token',
];

/** Where each kind of token is good. A kind that is good nowhere is still handed out. */
const GOOD_AT: Readonly<Record<string, readonly string[]>> = {
  'access token of fingerprint': ACCOUNT,
  'access token of profile': ACCOUNT,
  'access token of role-picker': ACCOUNT,
  'access token of credential-type': ACCOUNT,
  'access token of login': ACCOUNT,
  'access token of the native API': ACCOUNT,
  'access token signed with a shared secret': ACCOUNT,
  'access token of an installation': THING,
  'access token of a resource code': ANYBODY,
  'opaque token': ANYBODY,
  'refresh token of fingerprint': ['POST /identity/refresh-token refreshToken'],
  'refresh token of profile': ['POST /api/v1/auths/refresh refreshToken'],
  'refresh token of role-picker': ['POST /auth/refresh refreshToken'],
  'refresh token of login': ['POST /auth/refresh-token refresh_token', 'POST /auth/refresh-token bearer'],
  'refresh token of the native API': ['POST /v1/refresh refreshToken'],
  'refresh token of another mount': [],
  'login token that offers a role': ['POST /auth/sign-in loginToken'],
  'login token that waits for a PIN': [
    'POST /auth/sign-in-with-2fa loginToken',
    'POST /auth/resend-2fa loginToken',
  ],
  'challenge of profile': CHALLENGE,
  'challenge of credential-type': CHALLENGE,
  'challenge of login': CHALLENGE,
  'challenge of the native API': CHALLENGE,
  'challenge of a role that asks for a second factor': CHALLENGE,
  // It is good with the session that began it, and with no other.
  'challenge of an authenticator app to be': [],
  'challenge of mailed codes to be': [],
  'challenge of an address to be proven': [],
  'challenge of an address to come': [],
  'challenge of somebody who signs up': ['POST /v1/sign-up/confirm challenge_token'],
  'challenge for a device that signs up': ['POST /api/v1/auth/sign-up data.challenge'],
  'step-up token for a second factor': [
    'POST /accounts/verify-2fa bearer',
    'POST /accounts/resend-code bearer',
  ],
  'step-up token for a device': [
    'POST /identity/recognize-device bearer',
    'POST /accounts/resend-code bearer',
  ],
  'what stands in the place of a refresh token while a step is due': [],
  'the secret inside a step-up token': [],
  'code that asks for a new validation': ['POST /api/public/account/resend-validation resend_code'],
  // It is good with the account's password, which nobody here has.
  'code that validates an account': [],
  'code for a new password, of role-picker': ['POST /password/reset token', 'POST /v1/password/reset token'],
  'code for a new password, of login': [
    'POST /api/public/account/validate code',
    'POST /v1/password/reset token',
  ],
  'code for a new password, of the native API': [
    'POST /v1/password/reset token',
    'POST /password/reset token',
    'POST /api/public/account/validate code',
  ],
  'token of a passkey sign-in': [],
  'token of a passkey that is being made': [],
  'credential of a resource server': [REVOCATIONS],
};

/** Places where the token is good, and what is asked for with it is not there. */
const NOT_THERE: Readonly<Record<string, number>> = {
  'DELETE /v1/sessions/:id bearer': 404,
  'POST /v1/session/switch bearer': 403,
  'POST /v1/session/prove bearer': 401,
  'POST /v1/devices/:id bearer': 404,
  'DELETE /v1/devices/:id bearer': 404,
  'POST /v1/factors/passkeys bearer': 401,
  'DELETE /v1/factors/passkeys/:id bearer': 404,
  'POST /v1/challenges/passkey challenge_token': 404,
  'POST /v1/factors/totp/confirm bearer': 401,
  'DELETE /v1/factors/totp bearer': 404,
  'POST /v1/factors/email/confirm bearer': 401,
  'DELETE /v1/factors/email bearer': 404,
  'POST /v1/factors/recovery-codes bearer': 409,
  'DELETE /v1/factors/recovery-codes bearer': 404,
  'POST /v1/password/change bearer': 401,
  'POST /v1/email bearer': 422,
  'POST /v1/email/confirm bearer': 401,
  'POST /v1/phone/validate bearer': 409,
  'POST /v1/phone bearer': 422,
  'POST /v1/phone/confirm bearer': 401,
};

const SECRET = 'a shared secret of an old resource server';

// Every kind of token that is handed out, put wherever a request has a text: it is nothing but where it belongs.
describe.each(ENGINES)('TK-3: on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_MOUNTS: JSON.stringify([
        ...STEP_CONTRACTS.map((contract) => ({
          contract,
          ...(contract === 'credential-type' ? { allowSignUp: true, allowUnattestedDevices: true } : {}),
        })),
        { contract: 'login', prefix: '/shared', algorithm: 'HS256', secret: SECRET },
      ]),
    });
  });
  afterAll(() => app.stop());

  /** Puts a token into a slot, with its code beside it, and nothing else in the request that could be good. */
  async function present(name: string, token: Token): Promise<Presented> {
    const bearer = { authorization: `Bearer ${token.text}` };
    if (name === REVOCATIONS) {
      // The answer to one who may follow has no end.
      const { status, body } = await fetch(`${app.url}/v1/revocations`, { headers: bearer });
      await body?.cancel();
      return { status, text: '' };
    }
    const slot = SLOTS.find((each) => each.name === name);
    if (!slot) throw new Error(`there is no ${name}`);
    const { route, shape, member } = slot;
    const { authorization: _, ...own } = headersOf(route);
    const headers = { ...own, 'x-fingerprint-id': DEVICE, ...(member === null ? bearer : {}) };
    if (shape === null) return app.request(route.method, route.path, { headers });
    return app.request(route.method, route.path, {
      body: JSON.stringify(bodyWith(shape, member, token)),
      headers: { ...headers, 'content-type': 'application/json' },
    });
  }

  const places = [...new Set(SLOTS.map(({ name }) => name)), REVOCATIONS];

  test('every place at which a token is good is one that there is', () => {
    for (const name of Object.values(GOOD_AT).flat()) expect(places).toContain(name);
  });

  test.each(Object.keys(GOOD_AT))('%s: good where it belongs, and nothing elsewhere', async (kind) => {
    const make = TOKENS[kind];
    if (make === undefined) throw new Error(`nobody knows where to get the ${kind}`);
    const token = await make(app);
    expect(token.text.length).toBeGreaterThan(30);
    const good = GOOD_AT[kind] ?? [];
    for (const name of places.filter((place) => !good.includes(place))) {
      const answer = await present(name, token);
      const isAlike = ALIKE.some((route) => name.startsWith(`${route} `));
      if (!isAlike) expect(answer.status, `${name}: ${answer.text}`).toBeGreaterThanOrEqual(400);
      expect(answer.status, `${name}: ${answer.text}`).toBeLessThan(429);
      const nonsense = { ...token, text: nonsenseLike(token.text) };
      expect(withoutIds(answer), name).toBe(withoutIds(await present(name, nonsense)));
    }
    // The first is still as good as it was, wherever it was tried; what is spent at one place is new at the next.
    for (const [index, name] of good.entries()) {
      const { status, text } = await present(name, index === 0 ? token : await make(app));
      const missing = NOT_THERE[name];
      if (missing === undefined) expect(status, `${name}: ${text}`).toBeLessThan(300);
      else expect(status, `${name}: ${text}`).toBe(missing);
    }
  });
});

/** How each kind of token is come by: everything is right, and somebody's. */
const TOKENS: Readonly<Record<string, (app: TestApp) => Promise<Token>>> = {
  ...Object.fromEntries(
    STEP_CONTRACTS.map((contract) => [
      `access token of ${contract}`,
      async (app: TestApp) => ({ text: accessTokenIn(contract, await completed(app, contract)) ?? '' }),
    ]),
  ),
  'access token of an installation': async (app) => {
    const data = { installationId: `installation ${nextNumber()}`.padEnd(32, '.'), password: 'x'.repeat(32) };
    await app.load({ kind: 'installation', ...data });
    const answer = await app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data });
    return { text: answer.body.authorization.token };
  },
  'access token of a resource code': async (app) => {
    const code = `CODE${nextNumber()}`;
    await app.load({ kind: 'resource', context: 'cross-use', code });
    const data = { resource: `voucher::cross-use::code::${code}` };
    const answer = await app.post('/api/v1/auth/sign-in', { type: 'resource', data });
    return { text: answer.body.authorization.token };
  },
  'access token signed with a shared secret': async (app) => ({
    text: (await signedInAtShared(app)).access_token,
  }),
  'refresh token of another mount': async (app) => ({ text: (await signedInAtShared(app)).refresh_token }),
  'access token of the native API': async (app) => ({
    text: (await signedInNatively(app, await app.person())).body.accessToken,
  }),
  'refresh token of the native API': async (app) => ({
    text: (await signedInNatively(app, await app.person())).body.refreshToken,
  }),
  'challenge of the native API': async (app) => {
    const person = await app.person({ secondFactor: { email: true } });
    const { challenge_token } = (await signedInNatively(app, person)).body;
    return { text: challenge_token, code: await app.mail.code(person.email) };
  },
  'opaque token': async (app) => ({ text: (await completed(app, 'role-picker')).body.loginToken }),
  'refresh token of fingerprint': async (app) => ({
    text: (await completed(app, 'fingerprint')).body.data.refreshToken,
  }),
  'refresh token of profile': async (app) => ({ text: (await completed(app, 'profile')).body.refreshToken }),
  'refresh token of role-picker': async (app) => ({
    text: (await completed(app, 'role-picker')).body.refreshToken,
  }),
  'refresh token of login': async (app) => ({ text: (await completed(app, 'login')).body.refresh_token }),
  'login token that offers a role': async (app) => {
    const { email, password } = await app.person();
    const answer = await app.post('/auth/sign-in-verify', { identity: email, password });
    return { text: answer.body.result[0][0].loginToken };
  },
  'login token that waits for a PIN': (app) => waiting(app, 'role-picker'),
  'challenge of profile': (app) => waiting(app, 'profile'),
  'challenge of credential-type': (app) => waiting(app, 'credential-type'),
  'challenge of login': (app) => waiting(app, 'login'),
  'challenge of a role that asks for a second factor': async (app) => {
    await app.load({ kind: 'role', name: 'Student' });
    const person = await app.person();
    const organisation = await app.organisation({ settings: { mfaForStudents: true } });
    const { username, password } = person;
    const { access_token } = (await app.post('/auth/login', { username, password })).body;
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const body = { organisation, role: 'Student' };
    const due = await app.post('/v1/session/switch', body, { authorization: `Bearer ${access_token}` });
    return { text: due.body.challenge_token, code: await app.mail.code(person.email) };
  },
  'challenge of an authenticator app to be': async (app) => {
    const { body } = await enrolling(app, 'totp', await app.person());
    return { text: body.challenge_token, code: totpCode(app.core.clock.now(), body.secret) };
  },
  'challenge of mailed codes to be': async (app) => {
    const person = await app.person();
    const { body } = await enrolling(app, 'email', person);
    return { text: body.challenge_token, code: await app.mail.code(person.email) };
  },
  'challenge of an address to be proven': async (app) => {
    const person = await app.person({ emailValidated: false });
    return proving(app, person, '/v1/email/validate', person.email);
  },
  'challenge of an address to come': async (app) => {
    const email = `new${nextNumber()}@example.com`;
    return proving(app, await app.person(), '/v1/email', email);
  },
  'challenge of somebody who signs up': async (app) => {
    const email = `new${nextNumber()}@example.com`;
    const { body } = await app.post('/v1/sign-up', { email, password: 'a bittern in the reeds' });
    return { text: body.challenge_token, code: await app.mail.code(email) };
  },
  'challenge for a device that signs up': async (app) => ({
    text: (await app.request('GET', '/api/v1/auth/get-challenge')).body.challenge,
  }),
  'credential of a resource server': async (app) => {
    const credential = opaqueSecret(app.core.random);
    const server = { name: `server-${nextNumber()}`, createdAt: app.core.clock.now() };
    await app.core.store.commit([addResourceServer(server, secretHash(credential))]);
    return { text: credential };
  },
  'token of a passkey sign-in': async (app) => ({
    text: (await app.post('/v1/passkeys/sign-in-options', {})).body.challenge_token,
  }),
  'token of a passkey that is being made': async (app) => {
    const { email, password } = await app.person();
    const { accessToken } = (await app.post('/v1/sign-in', { identifier: email, password })).body;
    const bearer = { authorization: `Bearer ${accessToken}` };
    return { text: (await app.post('/v1/factors/passkeys/options', {}, bearer)).body.challenge_token };
  },
  'step-up token for a second factor': (app) => waiting(app, 'fingerprint'),
  'step-up token for a device': (app) =>
    waiting(app, 'fingerprint', { recogniseDevices: true, devices: ['x'] }),
  'what stands in the place of a refresh token while a step is due': async (app) => {
    const person = await app.person({ secondFactor: { email: true } });
    const body = { username: person.email, password: person.password };
    const answer = await app.post('/identity/sign-in', body, { 'x-fingerprint-id': DEVICE });
    return { text: answer.body.data.refreshToken, code: await app.mail.code(person.email) };
  },
  'the secret inside a step-up token': async (app) => {
    const { text, code } = await waiting(app, 'fingerprint');
    return { text: String(readJwt(text).payload.jti), ...(code === undefined ? {} : { code }) };
  },
  'code that asks for a new validation': async (app) => {
    const { email, password } = await app.person({ emailValidated: false });
    const answer = await app.post('/auth/login', { username: email, password });
    return { text: answer.body.extra_attributes.resend_code };
  },
  'code that validates an account': async (app) => {
    const { email, password } = await app.person({ emailValidated: false });
    const answer = await app.post('/auth/login', { username: email, password });
    const { resend_code } = answer.body.extra_attributes;
    await app.post('/api/public/account/resend-validation', { resend_code });
    return { text: await longCode(app.mail, email) };
  },
  ...Object.fromEntries(
    RECOVERY_DOORS.map((door) => [
      `code for a new password, of ${door.contract === 'native' ? 'the native API' : door.contract}`,
      async (app: TestApp) => ({ text: await askForCode(app, door, await app.person()) }),
    ]),
  ),
};

async function completed(app: TestApp, contract: string): Promise<Answer> {
  return signIn(app, contract, await app.person());
}

function signedInNatively(app: TestApp, { email, password }: Person): Promise<Answer> {
  return app.post('/v1/sign-in', { identifier: email, password });
}

async function enrolling(app: TestApp, factor: string, person: Person): Promise<Answer> {
  const { accessToken } = (await signedInNatively(app, person)).body;
  return app.post(`/v1/factors/${factor}`, {}, { authorization: `Bearer ${accessToken}` });
}

async function proving(app: TestApp, person: Person, path: string, email: string): Promise<Token> {
  const { accessToken } = (await signedInNatively(app, person)).body;
  const { body } = await app.post(path, { email }, { authorization: `Bearer ${accessToken}` });
  return { text: body.challenge_token, code: await app.mail.code(email) };
}

async function signedInAtShared(app: TestApp): Promise<{ access_token: string; refresh_token: string }> {
  const { username, password } = await app.person();
  return (await app.post('/shared/auth/login', { username, password })).body;
}

async function waiting(
  app: TestApp,
  contract: string,
  fields: object = { secondFactor: { email: true } },
): Promise<Token> {
  const person = await app.person({ ...fields });
  const step = await openStep(app, contract, person, { 'x-fingerprint-id': DEVICE });
  return { text: step.ticket, code: await app.mail.code(person.email) };
}

/** A body with a token in one place, its code where codes go, and in every other text what nobody has. */
function bodyWith(shape: Shape, place: readonly string[] | null, token: Token): object {
  const isSent = ([name = '']: readonly string[]) => place !== null || name in shape.least;
  const textFor = (text: readonly string[]) => {
    if (text === place) return token.text;
    if (text.join() === 'code' || text.join() === 'pin') return token.code ?? '000000';
    return `nobody_${nextNumber()}`.padEnd(40, '_');
  };
  const whole: object = place === null ? shape.least : shape.body;
  return shape.texts.filter(isSent).reduce((body, text) => withMember(body, text, textFor(text)), whole);
}

/** A text of the same length and characters that nobody was handed. */
function nonsenseLike(token: string): string {
  return token.replace(/[A-Za-z0-9]/g, (character) => (/[0-9]/.test(character) ? '7' : 'q'));
}

function withoutIds({ status, text }: Presented): string {
  return `${status} ${text.replaceAll(/"(trace_id|requestId)":"\w*"/g, '')}`;
}
