import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../../server/testing/app.ts';
import { expectKind } from '../../testing/narrow.ts';
import { watchTraffic } from '../../testing/traffic.ts';
import { createClient, type GrantedRole, memoryStore, type RolePickerClient } from '../index.ts';

const ACCESS_SECONDS = 3600;

describe('a client of role-picker', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_SIGN_IN_MAX_FAILURES: '3' });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
  });
  afterAll(() => app.stop());

  function open() {
    const traffic = watchTraffic();
    const store = memoryStore();
    const client = createClient({ url: app.url, contract: 'role-picker', store, fetch: traffic.fetch });
    return { client, store, traffic };
  }
  /** A person with a role in an organisation of their own. */
  async function member(role: string, settings: object | null = null, fields = {}) {
    const organisation = await app.organisation({ settings });
    const person = await app.person({ organisation, ...fields });
    await app.load({ kind: 'membership', account: person.id, organisation, role });
    return { ...person, organisation };
  }
  async function firstRole(client: RolePickerClient, { username, password }: Person): Promise<GrantedRole> {
    const { granted } = expectKind(await client.verify({ identity: username, password }), 'choices');
    const [role] = granted;
    if (!role) throw new Error('no role was granted');
    return role;
  }

  test('offers the roles, and signs in with the one that is picked', async () => {
    const { client, store } = open();
    const student = await member('Student');
    const teacher = await member('Teacher', null, { username: student.username, password: 'another one' });
    const { granted, refused } = expectKind(
      await client.verify({ identity: student.username, password: student.password }),
      'choices',
    );
    expect(granted).toMatchObject([
      { role: 'Student', is2FAEnabled: false, organisation: { uuid: student.organisation } },
    ]);
    expect(refused).toMatchObject([
      { role: 'Teacher', organisation: { uuid: teacher.organisation }, message: expect.any(String) },
    ]);
    const [role] = granted;
    if (!role) throw new Error('no role was granted');
    const { body } = expectKind(await client.pick(role), 'signed-in');
    expect(body).toMatchObject({ role: 'Student', organisation: { uuid: student.organisation } });
    expect((await store.get())?.accessToken).toBe(body.token);
    expect(expectKind(await client.pick(role), 'refused').reason).toBe('invalid-ticket');
  });

  test('says why it was refused', async () => {
    const { client } = open();
    const { username } = await app.person();
    const inactive = await app.person({ status: 'inactive' });
    const verify = async (identity: string, password: string) =>
      expectKind(await client.verify({ identity, password }), 'refused');
    expect(await verify(username, 'a wrong one')).toMatchObject({
      reason: 'bad-credentials',
      status: 401,
      message: 'Password is invalid.',
    });
    expect(await verify('nobody at all', 'whatever')).toMatchObject({ reason: 'unknown-identity' });
    expect(await verify(inactive.username, inactive.password)).toMatchObject({ reason: 'account-refused' });
    expect(await verify('', 'x')).toMatchObject({
      reason: 'invalid-input',
      status: 422,
      body: { errors: { identity: ['The identity is required.'] } },
    });
  });

  test('says when to come back', async () => {
    const { client } = open();
    const { username, password } = await app.person();
    for (let each = 0; each < 3; each += 1) await client.verify({ identity: username, password: 'wrong' });
    const result = await client.verify({ identity: username, password });
    expect(expectKind(result, 'throttled').retryAfterSeconds).toBe(30);
  });

  test('goes through the PIN that a role asks for', async () => {
    const { client, store } = open();
    const person = await member('Teacher', { mfaForTeachers: true });
    const role = await firstRole(client, person);
    expect(role.is2FAEnabled).toBe(true);
    const step = expectKind(await client.pick(role), 'second-factor');
    expect(await store.get()).toBeNull();
    expect(expectKind(await step.prove('000000'), 'refused').reason).toBe('invalid-code');
    await app.mail.code(person.email);
    app.core.clock.advance(31);
    expect(await step.resend()).toEqual({ kind: 'sent' });
    const pin = await app.mail.code(person.email);
    const { body } = expectKind(await step.prove(pin), 'signed-in');
    expect(body).toMatchObject({ is2FAEnabled: true, pin, role: 'Teacher' });
    expect(expectKind(await step.prove(pin), 'refused').reason).toBe('invalid-ticket');
    expect((await client.me()).role).toBe('Teacher');
  });

  test('takes a device that must be recognised as a PIN', async () => {
    const { client } = open();
    const person = await member('Student', null, { recogniseDevices: true });
    const step = expectKind(await client.pick(await firstRole(client, person)), 'second-factor');
    expectKind(await step.prove(await app.mail.code(person.email)), 'signed-in');
  });

  test('refreshes, and knows who is signed in', async () => {
    const { client, traffic } = open();
    const person = await member('Student');
    expectKind(await client.pick(await firstRole(client, person)), 'signed-in');
    app.core.clock.advance(ACCESS_SECONDS + 1);
    expect(await client.me()).toMatchObject({
      account: person.id,
      organisation: person.organisation,
      role: 'Student',
    });
    expect(traffic.count('POST /auth/refresh')).toBe(1);
  });

  test('signs out, here and at the server', async () => {
    const { client, store, traffic } = open();
    expectKind(await client.pick(await firstRole(client, await member('Student'))), 'signed-in');
    const refreshToken = (await store.get())?.refreshToken;
    await client.signOut();
    expect(await store.get()).toBeNull();
    expect(traffic.count('POST /auth/sign-out')).toBe(1);
    expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(401);
  });
});
