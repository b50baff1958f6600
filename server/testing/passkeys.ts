import type { Answer, Person, TestApp } from './app.ts';
import {
  type CeremonyOptions,
  createSoftwarePasskey,
  type Forgery,
  type SoftwarePasskey,
  type SoftwarePasskeySettings,
} from './software-passkey.ts';

/** Where the server of these tests is, as browsers know it. */
export const PUBLIC_URL = 'https://id.example.com';
/** The host by which authenticators know it. */
export const RP_ID = 'id.example.com';

/** The tokens of a native session. */
export interface NativeSession {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** A header that speaks for a session. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A passkey for the server at PUBLIC_URL, that nobody knows yet. */
export function newPasskey(settings: Partial<SoftwarePasskeySettings> = {}): SoftwarePasskey {
  return createSoftwarePasskey({ rpId: RP_ID, origin: PUBLIC_URL, ...settings });
}

/** Signs in at the native API, with a mailed code where one is asked for. */
export async function signInNative(
  app: TestApp,
  person: Pick<Person, 'email' | 'password'>,
): Promise<NativeSession> {
  const answer = await app.post('/v1/sign-in', { identifier: person.email, password: person.password });
  if (answer.status === 200) return answer.body;
  const { challenge_token } = answer.body;
  const code = await app.mail.code(person.email);
  return (await app.post('/v1/challenges/verify', { challenge_token, code })).body;
}

/** Begins to add a passkey. */
export function enrolmentOptions(app: TestApp, token: string): Promise<Answer> {
  return app.post('/v1/factors/passkeys/options', {}, bearer(token));
}

/** Adds a passkey to the account of a session that is proof enough. */
export async function enrol(
  app: TestApp,
  token: string,
  passkey: SoftwarePasskey,
  forgery: Forgery = {},
): Promise<Answer> {
  const { challenge_token, options } = (await enrolmentOptions(app, token)).body;
  const made = { challenge_token, passkey: passkey.make(options, forgery), name: 'A key' };
  return app.post('/v1/factors/passkeys', made, bearer(token));
}

/** Somebody with a passkey, who is not signed in any more. */
export async function personWithPasskey(
  app: TestApp,
  fields: Record<string, unknown> = {},
  settings: Partial<SoftwarePasskeySettings> = {},
): Promise<{ person: Person; passkey: SoftwarePasskey }> {
  const person = await app.person(fields);
  const passkey = newPasskey(settings);
  const { accessToken } = await signInNative(app, person);
  const added = await enrol(app, accessToken, passkey);
  if (added.status !== 201) throw new Error(`no passkey was added: ${added.text}`);
  await app.post('/v1/sign-out', {}, bearer(accessToken));
  return { person, passkey };
}

/** Begins to sign in with a passkey and nothing else. */
export async function signInOptions(
  app: TestApp,
): Promise<{ challenge_token: string; options: CeremonyOptions }> {
  return (await app.post('/v1/passkeys/sign-in-options', {})).body;
}

/** Signs in with a passkey and nothing else. */
export async function signInWith(
  app: TestApp,
  passkey: SoftwarePasskey,
  forgery: Forgery = {},
): Promise<Answer> {
  const { challenge_token, options } = await signInOptions(app);
  return app.post('/v1/passkeys/sign-in', { challenge_token, passkey: passkey.sign(options, forgery) });
}

/** What stands behind a token. */
export async function sessionBehind(app: TestApp, token: string): Promise<Answer['body']> {
  return (await app.request('GET', '/v1/session', { headers: bearer(token) })).body;
}

/** What a client asks of the passkeys of a session's account. @param appOf the app, once it has started */
export function passkeyRequests(appOf: () => TestApp) {
  return {
    list: (token: string) => appOf().request('GET', '/v1/factors/passkeys', { headers: bearer(token) }),
    remove: (token: string, id: string) =>
      appOf().request('DELETE', `/v1/factors/passkeys/${id}`, { headers: bearer(token) }),
    add: (token: string, challenge_token: string, passkey: object, more: object = {}) =>
      appOf().post('/v1/factors/passkeys', { challenge_token, passkey, ...more }, bearer(token)),
  };
}
