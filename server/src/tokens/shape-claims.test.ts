import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { readJwt } from '../../testing/jwt.ts';
import { shapeClaims } from './shape-claims.ts';

const LEGACY = {
  contract: 'login',
  prefix: '/legacy',
  algorithm: 'HS256',
  secret: 'a secret that both sides have known for years',
  audience: 'reports',
  accessTokenSeconds: 900,
  claims: {
    accountId: 'accountId',
    userId: 'userId',
    accessRoles: { values: { Student: 'STUDENT' } },
    role: { name: 'accessRole', values: { Student: 'STUDENT', toString: 'never' } },
    email: 'mail',
    phone: 'phone',
  },
};

describe('a mount’s tokens', () => {
  let app: TestApp;
  beforeAll(async () => {
    const silent = { contract: 'fingerprint', prefix: '/silent', claims: { name: null, email: null } };
    app = await startApp('sqlite', { LATCHKEY_MOUNTS: JSON.stringify([LEGACY, silent]) });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'toString' });
  });
  afterAll(() => app.stop());

  test('have the claims, values, lifetime, audience and algorithm that an old resource server expects', async () => {
    const organisation = await app.organisation();
    const person = await app.person({
      role: 'toString',
      user: { id: '11111111-1111-4111-8111-111111111111' },
    });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { body } = await app.post('/legacy/auth/login', person);
    const { header, payload } = readJwt(body.access_token);
    expect(header).toMatchObject({ alg: 'HS256', typ: 'at+jwt' });
    expect(payload).toEqual({
      iss: app.url,
      aud: 'reports',
      sub: person.id,
      sid: expect.any(String),
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: Number(payload.iat) + 900,
      accessRole: 'never',
      accountId: person.id,
      userId: '11111111-1111-4111-8111-111111111111',
      accessRoles: ['toString', 'STUDENT'],
      mail: person.email,
    });
    const refreshed = await app.post('/legacy/auth/refresh-token', { refresh_token: body.refresh_token });
    expect(Object.keys(readJwt(refreshed.body.access_token).payload)).toEqual(Object.keys(payload));
  });

  test('leave out what the mount does not want', async () => {
    const { username, password } = await app.person();
    const headers = { 'x-fingerprint-id': 'd' };
    const { body } = await app.post('/silent/identity/sign-in', { username, password }, headers);
    const { payload } = readJwt(body.data.token);
    expect(payload).toHaveProperty('accessRoles');
    expect(payload).not.toHaveProperty('name');
    expect(payload).not.toHaveProperty('email');
  });
});

test('a mount rewords what its contract says, and adds only what that does not', () => {
  const values = { one: 'ONE', 1: 'NUMBER', true: 'TRUTH' };
  const claims = { role: { name: 'role', values }, number: { name: 'no', values }, email: null, left: null };
  const own = { role: ['one', 'two', 1, true, null], left: 'out', kept: 'one' };
  expect(shapeClaims({ claims }, own, { role: 'known', number: 1, email: 'e', other: 'o' })).toEqual({
    role: ['ONE', 'two', 1, true, null],
    kept: 'one',
    no: 1,
  });
});
