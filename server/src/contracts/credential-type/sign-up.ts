import { Type } from 'typebox';
import { type Decoded, type Field, memberOf, type Reply, readText, type WireRequest } from '../contract.ts';

/** A challenge for a device's platform to sign. */
export const Challenge = Type.Object({ challenge: Type.String({ minLength: 48, maxLength: 48 }) });

/** What was made. */
export const SignedUp = Type.Object({
  id: Type.String(),
  role: Type.String(),
  createdAt: Type.String(),
  updatedAt: Type.String(),
});

/** Who can sign up, and with what. */
export const SignUpRequest = Type.Union([
  Type.Object({
    type: Type.Literal('email-password'),
    data: Type.Object({
      email: Type.String({ minLength: 3, maxLength: 128 }),
      password: Type.String({ minLength: 8, maxLength: 256 }),
    }),
  }),
  Type.Object({
    type: Type.Literal('mobile-device'),
    data: Type.Object({
      installationId: Type.String({ minLength: 32, maxLength: 128 }),
      password: Type.String({ minLength: 32, maxLength: 256 }),
      platform: Type.Enum(['ios', 'android']),
      challenge: Type.String({ minLength: 48, maxLength: 48 }),
      assertionToken: Type.String({ maxLength: 12_000 }),
      assertionKeyId: Type.Optional(Type.String({ maxLength: 512 })),
    }),
  }),
]);

/** The longest assertion that fits into a body beside the rest. */
const ASSERTION_LIMIT = 12_000;

const textOf = (field: Field): string | null => (field.state === 'text' ? field.value : null);

/** Reads who signs up. @param refuse words a type that there is not, and data that can be none */
export function decodeSignUp(
  request: WireRequest,
  refuse: (code: 'invalid_type' | 'invalid_credentials') => Reply,
): Decoded {
  const data = memberOf(request.body, 'data');
  const type = memberOf(request.body, 'type');
  if (type !== 'email-password' && type !== 'mobile-device') return { reply: refuse('invalid_type') };
  return (type === 'mobile-device' ? device(data) : person(data)) ?? { reply: refuse('invalid_credentials') };
}

function person(data: unknown): Decoded | null {
  const email = textOf(readText(data, 'email', { min: 3, max: 128 }));
  const password = textOf(readText(data, 'password', { min: 8, max: 256 }));
  if (email === null || password === null) return null;
  const user = { name: '', firstName: null, lastName: null };
  return {
    command: { kind: 'sign-up', registrant: { email, username: null, password, user }, answer: 'account' },
  };
}

const platformOf = (value: unknown): 'ios' | 'android' | null =>
  value === 'ios' || value === 'android' ? value : null;

function device(data: unknown): Decoded | null {
  const installationId = textOf(readText(data, 'installationId', { min: 32, max: 128 }));
  const password = textOf(readText(data, 'password', { min: 32, max: 256 }));
  const challenge = textOf(readText(data, 'challenge', { max: 128 }));
  const assertionToken = textOf(readText(data, 'assertionToken', { max: ASSERTION_LIMIT }));
  const key = readText(data, 'assertionKeyId', { max: 512 });
  const platform = platformOf(memberOf(data, 'platform'));
  if (platform === null) return null;
  if (installationId === null || password === null || challenge === null || assertionToken === null)
    return null;
  if (key.state !== 'text' && key.state !== 'missing') return null;
  const known = {
    installationId,
    password,
    platform,
    challenge,
    assertionToken,
    assertionKeyId: textOf(key),
  };
  return { command: { kind: 'sign-up-installation', device: known } };
}
