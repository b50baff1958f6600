import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';

describe.each(ENGINES)('several accounts of one identifier, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
  });
  afterAll(() => app.stop());

  const verify = (identity: string, password: string) =>
    app.post('/auth/sign-in-verify', { identity, password });
  const login = (username: string, password: string) => app.post('/auth/login', { username, password });

  /** An account of somebody in an organisation of their own, with a role there. */
  async function member(
    role: string,
    organisation: Record<string, unknown>,
    account: Record<string, unknown> = {},
  ): Promise<Person> {
    const id = await app.organisation(organisation);
    const person = await app.person({ organisation: id, ...account });
    await app.load({ kind: 'membership', account: person.id, organisation: id, role });
    return person;
  }

  test('lists all the accounts of an identity, of which the password is tried on ten', async () => {
    const email = `many${nextNumber()}@example.com`;
    const password = 'one password for all of them';
    const people = [];
    for (let each = 0; each < 13; each += 1) {
      const createdAt = `20${10 + each}-01-01T00:00:00.000Z`;
      people.push(
        await member(
          'Student',
          { name: `Home ${10 + each}` },
          { email, username: null, password, createdAt },
        ),
      );
    }
    const [granted, refused] = (await verify(email, password)).body.result;
    const names = (entries: { organisation: { organisationName: string } }[]) =>
      entries.map(({ organisation }) => organisation.organisationName);
    expect(names(granted)).toEqual(Array.from({ length: 10 }, (_, each) => `Home ${10 + each}`));
    expect(names(refused)).toEqual(['Home 20', 'Home 21', 'Home 22']);
    expect(refused[0]).toMatchObject({ role: 'Student', message: 'Identity or Password is invalid.' });
    expect((await verify(email, 'a wrong password')).status).toBe(401);
    const failures = async (person: Person | undefined) =>
      (await app.core.store.accounts.byId(person?.id ?? ''))?.failedSignIns;
    expect([await failures(people[9]), await failures(people[10])]).toEqual([1, 0]);
  });

  test('of several homes signs in the account whose password it is, of ten at most', async () => {
    const username = `hydra${nextNumber()}`;
    const heads: Person[] = [];
    for (let each = 0; each < 11; each += 1) {
      const organisation = await app.organisation();
      const createdAt = `20${30 - each}-01-01T00:00:00.000Z`;
      heads.push(
        await app.person({ organisation, username, createdAt, password: `password of head ${each}` }),
      );
    }
    const [newest, ...others] = heads;
    for (const head of [others[0], others[9]]) {
      const answer = await login(username, head?.password ?? '');
      expect(readJwt(answer.body.access_token).payload.sub).toBe(head?.id);
    }
    expect((await login(username, newest?.password ?? '')).status).toBe(401);
  });

  test('of several with the same password takes that of the shared home, else the oldest, however they are named', async () => {
    const password = 'the same password everywhere';
    const phone = `+34${600_000_000 + nextNumber()}`;
    const made = async (year: number, fields: Record<string, unknown>, home = true): Promise<string> => {
      const organisation = home ? await app.organisation() : null;
      const createdAt = `${year}-01-01T00:00:00.000Z`;
      return (await app.person({ organisation, createdAt, password, ...fields })).id;
    };
    const signedIn = async () =>
      readJwt((await login(phone, password)).body.access_token).payload.sub as string;
    await made(2020, { username: phone });
    const oldest = await made(2010, { phone });
    await made(2015, { username: phone });
    expect(await signedIn()).toBe(oldest);
    const shared = await made(2022, { phone }, false);
    expect(await signedIn()).toBe(shared);
  });
});
