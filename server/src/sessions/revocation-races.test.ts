import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { type Follower, follow } from '../../testing/follower.ts';
import { readJwt } from '../../testing/jwt.ts';
import { auditEvent } from '../audit/event.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { setAccountStatus, signAccountOut } from '../store/accounts.ts';
import { recordAudit } from '../store/audit.ts';
import type { Change } from '../store/engine.ts';
import { removeMembership } from '../store/memberships.ts';
import { setOrganisationSuspended } from '../store/organisations.ts';
import { addResourceServer } from '../store/resource-servers.ts';
import { endMembershipSessions } from '../store/sessions.ts';

// Less than PostgreSQL lets a statement wait.
const PATIENCE = { timeout: 4000 };

// A sign-in and what ends its session, both under way: whichever is committed first, the session is refused, or those who
// follow are told of it. Whoever writes into the audit log is held up there, the last thing that a commit does. (SQLite
// has one commit at a time.)
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
  });
  afterAll(async () => {
    await gate.end();
    await app.stop();
  });

  const now = () => app.core.clock.now();
  const waiting = async (): Promise<number> => {
    const { rows } = await gate.query(
      "SELECT count(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    return Number(rows[0].waiting);
  };

  /** Lets two things come as far as they get, one after the other, before either can be committed. */
  async function meet<First, Second>(
    first: () => Promise<First>,
    second: () => Promise<Second>,
  ): Promise<[First, Second]> {
    await gate.query('BEGIN');
    await gate.query('LOCK TABLE audit IN SHARE MODE');
    try {
      const begun = first();
      await expect.poll(waiting, PATIENCE).toBe(1);
      const after = second();
      await expect.poll(waiting, PATIENCE).toBe(2);
      await gate.query('COMMIT');
      return await Promise.all([begun, after]);
    } finally {
      await gate.query('ROLLBACK');
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
    app.core.store.commit([
      ...changes,
      recordAudit(auditEvent({ at: now(), event: 'session.ended', detail: {} })),
    ]);

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
});
