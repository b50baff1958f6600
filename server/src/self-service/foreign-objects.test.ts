import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { signInAsOwner } from '../../testing/owner.ts';
import { bearer, PUBLIC_URL, personWithPasskey, signInWith } from '../../testing/passkeys.ts';
import { ROUTES } from '../../testing/routes.ts';
import type { SoftwarePasskey } from '../../testing/software-passkey.ts';
import { readTables } from '../../testing/store-dump.ts';

/** Who asks for what is somebody else's, and the token that they show for it. */
const STRANGERS: Readonly<Record<string, (app: TestApp, victim: Victim) => Promise<string | null>>> = {
  'nobody who is signed in': async () => null,
  'another account': async (app) => tokenOf(app, await app.person()),
  'a colleague in the same organisation': async (app, { organisation }) => {
    const colleague = await app.person({ organisation });
    await app.load({ kind: 'membership', account: colleague.id, organisation, role: 'Student' });
    return tokenOf(app, colleague);
  },
  'a group’s administrator elsewhere': async (app) => {
    const person = await app.person();
    const organisation = await app.organisation();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Principal' });
    return tokenOf(app, person);
  },
  'a global administrator': async (app) => tokenOf(app, await app.person({ role: 'Root' })),
  'an installation of the account itself': async (app, { person }) => {
    const data = { installationId: `of ${nextNumber()}`.padEnd(32, '.'), password: 'p'.repeat(32) };
    await app.load({ kind: 'installation', ...data, account: person.id });
    const answer = await app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data });
    return answer.body.authorization.token;
  },
  'a resource code': async (app) => {
    const code = `CODE${nextNumber()}`;
    await app.load({ kind: 'resource', context: 'foreign', code });
    const data = { resource: `voucher::foreign::code::${code}` };
    return (await app.post('/api/v1/auth/sign-in', { type: 'resource', data })).body.authorization.token;
  },
};

/** Somebody who has one of everything that has an id. */
interface Victim {
  readonly person: Person;
  readonly passkey: SoftwarePasskey;
  readonly organisation: string;
  /** The id that each route is asked with. */
  readonly ids: Readonly<Record<string, string>>;
}

const tokenOf = async (app: TestApp, person: Person) => (await signInAsOwner(app, person)).accessToken;

// MT-1: whatever has an id belongs to somebody, and an id is no key.
describe.each(ENGINES)('MT-1: what belongs to somebody else, on %s', (engine) => {
  let app: TestApp;
  let victim: Victim;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_PUBLIC_URL: PUBLIC_URL });
    await app.load(
      { kind: 'role', name: 'Student' },
      { kind: 'role', name: 'Principal', admin: 'group', permissions: ['everything'] },
      { kind: 'role', name: 'Root', admin: 'global', permissions: ['everything'] },
    );
    const organisation = await app.organisation();
    const { person, passkey } = await personWithPasskey(app, { organisation });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { id, username, email } = person;
    const device = { recogniseDevices: true, devices: ['the laptop'] };
    await app.load({ kind: 'account', id, username, email, emailValidated: true, ...device });
    const headers = bearer((await signInWith(app, passkey)).body.accessToken);
    const [sessions, devices] = await Promise.all(
      ['/v1/sessions', '/v1/devices'].map((path) => app.request('GET', path, { headers })),
    );
    victim = {
      person,
      passkey,
      organisation,
      ids: {
        'DELETE /v1/sessions/:id': sessions?.body.sessions[0].id,
        'POST /v1/devices/:id': devices?.body.devices[0].id,
        'DELETE /v1/devices/:id': devices?.body.devices[0].id,
        'DELETE /v1/factors/passkeys/:id': passkey.id,
      },
    };
  });
  afterAll(() => app.stop());

  const withId = ROUTES.filter(({ endpoint }) => endpoint.path.includes(':'));
  /** All that there is of the victim. */
  const whatIsTheirs = async () => {
    const { sessions = [], devices = [], passkeys = [] } = await readTables(app.core.config.store.url);
    return [sessions, devices, passkeys].map((rows) =>
      rows.filter(({ account_id }) => account_id === victim.person.id),
    );
  };

  test('there is no route with an id that is not tried here', () => {
    expect(withId.map(({ name }) => name).sort()).toEqual(Object.keys(victim.ids).sort());
  });

  test.each(Object.keys(STRANGERS))('is neither told nor changed to %s', async (stranger) => {
    const token = await STRANGERS[stranger]?.(app, victim);
    const before = await whatIsTheirs();
    expect(before.map((rows) => rows.length > 0)).toEqual([true, true, true]);
    for (const { name, method, endpoint, hasBody } of withId) {
      const id = victim.ids[name] ?? '';
      const answer = await app.request(method, endpoint.path.replace(':id', id), {
        headers: {
          ...(token ? bearer(token) : {}),
          ...(hasBody ? { 'content-type': 'application/json' } : {}),
          organization_id: victim.organisation,
        },
        ...(hasBody ? { body: JSON.stringify({ name: 'mine now' }) } : {}),
      });
      expect([401, 403, 404], `${name}: ${answer.text}`).toContain(answer.status);
      expect(answer.text).not.toContain(victim.person.id);
    }
    expect(await whatIsTheirs()).toEqual(before);
  });

  test('and is its owner’s to change', async () => {
    const headers = bearer((await signInWith(app, victim.passkey)).body.accessToken);
    for (const { name, method, endpoint, hasBody } of withId) {
      const answer = await app.request(method, endpoint.path.replace(':id', victim.ids[name] ?? ''), {
        headers: { ...headers, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
        ...(hasBody ? { body: JSON.stringify({ name: 'the laptop' }) } : {}),
      });
      expect(answer.status, `${name}: ${answer.text}`).toBeLessThan(300);
    }
  });
});
