import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { type Follower, follow } from '../../testing/follower.ts';
import { readJwt } from '../../testing/jwt.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { setAccountStatus, signAccountOut } from '../store/accounts.ts';
import type { Change } from '../store/engine.ts';
import { removeMembership } from '../store/memberships.ts';
import { setOrganisationSuspended } from '../store/organisations.ts';
import { addResourceServer } from '../store/resource-servers.ts';
import { endMembershipSessions, endSession } from '../store/sessions.ts';

// Less than PostgreSQL lets a statement wait.
const PATIENCE = { timeout: 4000 };

/** The number of a lock that commits are held up at. */
const HELD = 4711;

// A sign-in and what ends its session, both under way: whichever is committed first, the session is refused, or those who
// follow are told of it. Both are held up before they are committed. (SQLite has one commit at a time.)
describe('a sign-in that meets the end of its session, on postgres', () => {
  let app: TestApp;
  let follower: Follower;
  let gate: pg.Client;
  beforeAll(async () => {
    app = await startApp('postgres');
    await app.load({ kind: 'role', name: 'Student' });
    const { store, random, clock, config } = app.core;
    const credential = opaqueSecret(random);
    await store.commit([
      addResourceServer({ name: 'reports', createdAt: clock.now() }, secretHash(credential)),
    ]);
    follower = await follow(app.url, credential);
    gate = new pg.Client({ connectionString: config.store.url });
    await gate.connect();
    await gate.query(`CREATE FUNCTION held_up() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock_shared(${HELD}); RETURN NULL; END $$;
      CREATE TRIGGER held_up AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION held_up()`);
  });
  afterAll(async () => {
    await gate.end();
    await app.stop();
  });

  const now = () => app.core.clock.now();
  /** How many commits are held up. */
  const waiting = async (): Promise<number> => {
    const { rows } = await gate.query(
      `SELECT count(*) AS waiting FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return Number(rows[0].waiting);
  };

  /** Lets two things come as far as they get, one after the other, before either can be committed. */
  async function meet<First, Second>(
    first: () => Promise<First>,
    second: () => Promise<Second>,
  ): Promise<[First, Second]> {
    await gate.query(`SELECT pg_advisory_lock(${HELD})`);
    try {
      const begun = first();
      await expect.poll(waiting, PATIENCE).toBe(1);
      const after = second();
      await expect.poll(waiting, PATIENCE).toBe(2);
      await gate.query('SELECT pg_advisory_unlock_all()');
      return await Promise.all([begun, after]);
    } finally {
      await gate.query('SELECT pg_advisory_unlock_all()');
    }
  }

  async function member() {
    const organisation = await app.organisation();
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const offered = await app.post('/auth/sign-in-verify', {
      identity: person.email,
      password: person.password,
    });
    const { loginToken } = offered.body.result[0][0];
    const key = { accountId: person.id, organisationId: organisation, role: 'Student' };
    return { person, organisation, loginToken, key };
  }
  const pick = (loginToken: string) => app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
  const logIn = ({ username, password }: Person) => app.post('/auth/login', { username, password });
  const end = (changes: readonly Change[]) =>
    app.core.store.commit([...changes, { sql: `SELECT pg_advisory_xact_lock_shared(${HELD})`, params: [] }]);

  /** What both had to do, made anew for each order in which they come. */
  const MEETINGS: Readonly<
    Record<string, () => Promise<{ signIn: () => Promise<Answer>; ends: () => Promise<unknown> }>>
  > = {
    'the account is disabled': async () => {
      const person = await app.person();
      return {
        signIn: () => logIn(person),
        ends: () => end(setAccountStatus(person.id, 'inactive', now())),
      };
    },
    'the account is signed out': async () => {
      const person = await app.person();
      return { signIn: () => logIn(person), ends: () => end(signAccountOut(person.id, now())) };
    },
    'the membership is removed': async () => {
      const { loginToken, key } = await member();
      return {
        signIn: () => pick(loginToken),
        ends: () => end([...endMembershipSessions(key, 'membership-removed', now()), removeMembership(key)]),
      };
    },
    'the organisation of the role is suspended': async () => {
      const { loginToken, organisation } = await member();
      return {
        signIn: () => pick(loginToken),
        ends: () => end(setOrganisationSuspended(organisation, true, now())),
      };
    },
    'the only organisation is suspended': async () => {
      const { person, organisation } = await member();
      return {
        signIn: () => logIn(person),
        ends: () => end(setOrganisationSuspended(organisation, true, now())),
      };
    },
    'the home is suspended': async () => {
      const organisation = await app.organisation();
      const person = await app.person({ organisation });
      return {
        signIn: () => logIn(person),
        ends: () => end(setOrganisationSuspended(organisation, true, now())),
      };
    },
  };

  async function expectRefusedOrTold(answer: Answer): Promise<void> {
    if (answer.status !== 200) return;
    const { sid } = readJwt(answer.body.token ?? answer.body.access_token).payload;
    await follower.until(() => follower.sessions().includes(String(sid)));
  }

  test.each(Object.keys(MEETINGS))('when %s after it', async (name) => {
    const { signIn, ends } = (await MEETINGS[name]?.()) ?? expect.fail();
    const [answer] = await meet(signIn, ends);
    await expectRefusedOrTold(answer);
  });

  test.each(Object.keys(MEETINGS))('when %s before it', async (name) => {
    const { signIn, ends } = (await MEETINGS[name]?.()) ?? expect.fail();
    const [, answer] = await meet(ends, signIn);
    await expectRefusedOrTold(answer);
  });

  test('one end that takes long is told, though another that began later was told before', async () => {
    const sessions = await Promise.all(
      Array.from({ length: 2 }, async () => {
        const { body } = await logIn(await app.person());
        return String(readJwt(body.access_token).payload.sid);
      }),
    );
    const [slow = '', quick = ''] = sessions;
    await gate.query(`SELECT pg_advisory_lock(${HELD})`);
    const slowEnd = end(endSession(slow, 'signed-out', now()));
    await expect.poll(waiting, PATIENCE).toBe(1);
    let isQuickDone = false;
    const quickEnd = app.core.store.commit(endSession(quick, 'signed-out', now())).then(() => {
      isQuickDone = true;
    });
    await expect.poll(async () => isQuickDone || (await waiting()) === 2, PATIENCE).toBe(true);
    if (isQuickDone) await follower.until(() => follower.sessions().includes(quick));
    await gate.query('SELECT pg_advisory_unlock_all()');
    await Promise.all([slowEnd, quickEnd]);
    await follower.until(() => sessions.every((session) => follower.sessions().includes(session)));
  });
});
