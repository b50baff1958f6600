import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { mailedCode } from '../../testing/owner.ts';
import { accessTokenIn, type OpenStep, openStep } from '../../testing/steps.ts';

// A step is due, and before it is taken policy comes to ask for more than it shows.
describe.each(ENGINES)('what policy comes to ask for between two steps, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const settle = (id: string, settings: object) =>
    app.load({ kind: 'organisation', id, name: 'Settled', settings });
  async function student(settings: object, fields: Record<string, unknown> = {}) {
    const organisation = await app.organisation({ settings });
    const person = await app.person(fields);
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    return { person, organisation };
  }
  const careful = { recogniseDevices: true, devices: ['the known device'] };
  const isIn = (answer: Answer) => accessTokenIn('fingerprint', answer) !== undefined;
  const recognise = ({ ticket }: OpenStep, code: string) =>
    app.post(
      '/identity/recognize-device',
      { code },
      { authorization: `Bearer ${ticket}`, 'x-fingerprint-id': 'a-device' },
    );

  test('a device’s code opens nothing once a second factor is asked for', async () => {
    const { person, organisation } = await student({}, careful);
    const step = await openStep(app, 'fingerprint', person);
    const code = await mailedCode(app, person);
    await settle(organisation, { mfaForStudents: true });
    expect((await recognise(step, code)).status).toBe(401);
    await settle(organisation, {});
    expect(isIn(await recognise(step, code))).toBe(true);
    await settle(organisation, { mfaForStudents: true });
    const again = await openStep(app, 'fingerprint', person);
    expect(isIn(await again.prove(await mailedCode(app, person)))).toBe(true);
  });

  test('a mailed PIN opens nothing once an organisation forbids them', async () => {
    const { person, organisation } = await student({ mfaForStudents: true });
    const step = await openStep(app, 'fingerprint', person);
    const code = await mailedCode(app, person);
    await settle(organisation, { mfaForStudents: true, allowEmailPin: false });
    expect(isIn(await step.prove(code))).toBe(false);
    await settle(organisation, { mfaForStudents: true });
    expect(isIn(await step.prove(code))).toBe(true);
  });

  test('a device’s code is mailed, and mailed again, where PINs for a second factor are forbidden', async () => {
    const { person } = await student({ allowEmailPin: false }, careful);
    const step = await openStep(app, 'fingerprint', person);
    const first = await mailedCode(app, person);
    app.core.clock.advance(31);
    await step.resend();
    const second = await mailedCode(app, person);
    if (first !== second) expect(isIn(await recognise(step, first))).toBe(false);
    expect(isIn(await recognise(step, second))).toBe(true);
    expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject({
      event: 'sign-in.completed',
      factor: 'email',
      detail: { methods: ['pwd', 'email'] },
    });
  });

  test('an organisation that is suspended meanwhile stands in the way of the right code', async () => {
    const organisation = await app.organisation();
    const person = await app.person({ organisation, secondFactor: { email: true } });
    const step = await openStep(app, 'fingerprint', person);
    const code = await mailedCode(app, person);
    await app.load({ kind: 'organisation', id: organisation, isSuspended: true });
    expect((await step.prove(code)).status).toBe(403);
    await app.load({ kind: 'organisation', id: organisation, isSuspended: false });
    expect(isIn(await step.prove(code))).toBe(true);
  });
});
