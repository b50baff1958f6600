import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type SignedInOwner, signInAsOwner } from '../../testing/owner.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

const LIMIT = 10;
const DAY_SECONDS = 86_400;

// What an owner does is told to an address that may be somebody else's.
describe.each(ENGINES)('TH-8: notices of what an account’s owner does, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  const own = async (fields: object = {}) => {
    const person = await app.person({ secondFactor: { totp: SEED }, emailValidated: true, ...fields });
    const owner = await signInAsOwner(app, person, () => totpCode(app.core.clock.now()));
    return { person, owner };
  };
  const renew = async (owner: SignedInOwner, times: number) => {
    for (let time = 0; time < times; time += 1)
      expect((await owner.call('POST', '/v1/factors/recovery-codes', {})).status).toBe(201);
  };
  /** How many notices were queued for an account: the events say which were withheld. */
  const told = async (id: string, event: string) => {
    const events = await eventsOf(app.core, id);
    const withheld = events.filter(({ event: name }) => name === 'mail.withheld');
    return { done: events.filter(({ event: name }) => name === event).length, withheld };
  };
  const mailsTo = async (email: string, most: number) => {
    for (let mail = 0; mail < most; mail += 1) await app.mail.next(email);
    return app.mail.delivered.filter(({ recipients }) => recipients.includes(email)).length;
  };

  test('are ten of a kind a day; what is done is done all the same, and the rest written down', async () => {
    const { person, owner } = await own();
    await renew(owner, LIMIT + 3);
    const { done, withheld } = await told(person.id, 'factor.added');
    expect(done).toBe(LIMIT + 3);
    expect(withheld).toMatchObject(
      Array.from({ length: 3 }, () => ({
        reason: 'notices',
        detail: { channel: 'mail', kind: 'factor-added' },
      })),
    );
    // Another kind has notices of its own; it comes after all those that were sent.
    const removed = await owner.call('DELETE', '/v1/factors/recovery-codes', {});
    expect(removed.status).toBeLessThan(300);
    expect(await mailsTo(person.email, LIMIT + 1)).toBe(LIMIT + 1);
    expect((await told(person.id, 'factor.removed')).withheld).toHaveLength(3);
  });

  test('begin anew after a day', async () => {
    const { person, owner } = await own();
    await renew(owner, LIMIT + 1);
    app.core.clock.advance(DAY_SECONDS);
    const again = await signInAsOwner(app, person, () => totpCode(app.core.clock.now()));
    await renew(again, 1);
    expect((await told(person.id, 'factor.added')).withheld).toHaveLength(1);
  });

  test('of one account are not used up by another', async () => {
    const [one, other] = [await own(), await own()];
    await renew(one.owner, LIMIT + 1);
    await renew(other.owner, 1);
    expect((await told(other.person.id, 'factor.added')).withheld).toEqual([]);
  });

  test('at an address that nobody has proven are ten for all accounts that were made with it', async () => {
    const email = `bystander${nextNumber()}@example.com`;
    const home = `00000000-0000-4000-8000-${String(nextNumber()).padStart(12, '0')}`;
    await app.load({ kind: 'organisation', id: home, name: `Home ${home}` });
    const first = await own({ email, emailValidated: false });
    await renew(first.owner, LIMIT);
    const second = await own({ email, emailValidated: false, organisation: home });
    await renew(second.owner, 2);
    expect((await told(first.person.id, 'factor.added')).withheld).toHaveLength(0);
    expect((await told(second.person.id, 'factor.added')).withheld).toHaveLength(2);
    expect(await mailsTo(email, LIMIT)).toBe(LIMIT);
  });
});
