import {
  codePoints,
  type Decoded,
  type Field,
  IDENTIFIER_LIMIT,
  PASSWORD_LIMIT,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';

const PASSWORD_MINIMUM = 8;
const NAME_LIMIT = 254;

const FIELDS = ['email', 'username', 'password', 'first_name', 'last_name'] as const;
type Name = (typeof FIELDS)[number];

/** Reads who wants an account. @param invalid words what is wrong, one message for each problem */
export function decodeSignUp(request: WireRequest, invalid: (errors: readonly string[]) => Reply): Decoded {
  const limits = { email: IDENTIFIER_LIMIT, username: IDENTIFIER_LIMIT, password: PASSWORD_LIMIT };
  const read = (name: Name): Field =>
    readText(request.body, name, { max: { first_name: NAME_LIMIT, last_name: NAME_LIMIT, ...limits }[name] });
  const fields = Object.fromEntries(FIELDS.map((name) => [name, read(name)])) as Record<Name, Field>;
  const errors = FIELDS.flatMap((name) => problemsOf(name, fields[name]));
  const isMalformed = FIELDS.some((name) => fields[name].state === 'malformed');
  if (errors.length > 0 || isMalformed) return { reply: invalid(errors) };
  const text = (name: Name): string => {
    const field = fields[name];
    return field.state === 'text' ? field.value : '';
  };
  const [firstName, lastName] = [text('first_name'), text('last_name')];
  return {
    command: {
      kind: 'sign-up',
      registrant: {
        email: text('email'),
        username: text('username') || null,
        password: text('password'),
        user: { name: `${firstName} ${lastName}`, firstName, lastName },
      },
      answer: 'session',
    },
    echo: { signedUp: 'yes' },
  };
}

function problemsOf(name: Name, field: Field): string[] {
  if (field.state === 'wrong-type') return [`${name} must be a string`];
  if (name === 'password') {
    const isShort =
      field.state === 'missing' || (field.state === 'text' && codePoints(field.value) < PASSWORD_MINIMUM);
    return isShort ? ['password must be at least 8 characters'] : [];
  }
  return field.state === 'missing' && name !== 'username' ? [`${name} must be provided`] : [];
}
