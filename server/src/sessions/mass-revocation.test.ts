import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { setOrganisationSuspended } from '../store/organisations.ts';

const PEOPLE = 5000;
const SESSIONS_EACH = 4;

// The people of a large organisation, each signed in several times. A store that looks at all of them for each of their
// sessions is not done before PostgreSQL calls the statement off, nor before this test does.
describe.each(ENGINES)('an organisation of many, on %s', (engine) => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore(engine);
    await loadDirectory(core, [
      { kind: 'role', name: 'Student' },
      ...[1, 2].map((number) => ({ kind: 'organisation', id: uuid(number), name: `Organisation ${number}` })),
      ...Array.from({ length: PEOPLE }, (_, index) => index + 10).flatMap((number) => [
        // Half of them are at home there, the other half are only members.
        { kind: 'account', id: uuid(number), organisation: number % 2 === 0 ? uuid(1) : null },
        { kind: 'membership', account: uuid(number), organisation: uuid(1), role: 'Student' },
      ]),
      // A few go on elsewhere.
      { kind: 'membership', account: uuid(11), organisation: uuid(2), role: 'Student' },
      { kind: 'membership', account: uuid(13), organisation: uuid(2), role: 'Student' },
    ]);
    for (let each = 0; each < SESSIONS_EACH; each += 1)
      await core.store.commit([
        {
          sql: `INSERT INTO sessions (id, principal_kind, principal_id, account_id, epoch, mount, methods, counter,
                  rotated_at, created_at, last_used_at, refresh_expires_at, expires_at)
                SELECT id || $1, 'account', id, id, epoch, 'login', 'pwd', 0, $2, $2, $2, $3, $3 FROM accounts`,
          params: [`-${each}`, core.clock.now(), core.clock.now() + 3_600_000],
        },
      ]);
  }, 60_000);
  afterAll(() => core.close());

  test('is suspended, and everybody’s sessions are told', async () => {
    const committed = await core.store.commit(setOrganisationSuspended(uuid(1), true, core.clock.now()));
    expect(committed.ok).toBe(true);
    const told = await core.store.revocations.after(0, 0, PEOPLE * SESSIONS_EACH);
    expect(new Set(told.map(({ sessionId }) => sessionId)).size).toBe((PEOPLE - 2) * SESSIONS_EACH);
    expect(told.map(({ principal }) => principal.id)).not.toContain(uuid(11));
  });
});
