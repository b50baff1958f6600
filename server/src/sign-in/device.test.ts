import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { rawSend } from '../../testing/raw-request.ts';
import { findSecrets } from '../../testing/secrets.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS } from '../../testing/steps.ts';
import { dumpStore } from '../../testing/store-dump.ts';
import { DEVICE_LIMIT } from '../store/devices.ts';

const KNOWN = 'the known device of somebody';
const DONE = 1;
const DEVICE_DUE = 3;

describe.each(ENGINES)('devices on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());

  const careful = (fields: object = {}) =>
    app.person({ recogniseDevices: true, devices: [KNOWN], ...fields });
  const signIn = ({ username, password }: Person, fingerprint: string) =>
    app.post('/identity/sign-in', { username, password }, { 'x-fingerprint-id': fingerprint });
  const post = (path: string, token: string, code: string, fingerprint: string) =>
    app.post(path, { code }, { authorization: `Bearer ${token}`, 'x-fingerprint-id': fingerprint });
  const recognise = (answer: Answer, code: string, fingerprint: string) =>
    post('/identity/recognize-device', answer.body.data.token, code, fingerprint);
  const seen = (answer: Answer) => answer.body.data.observation.code;
  const wrong = (code: string) => (code === '000000' ? '000001' : '000000');
  const devicesOf = async (person: Person) => {
    const devices = await app.core.store.devices.ofAccount(person.id);
    return devices.map((each) => app.core.vault.unseal('fingerprint', each.fingerprintSealed)).sort();
  };

  describe('DR-3: of a header that is none', () => {
    const ENDPOINTS = ['/identity/sign-in', '/identity/recognize-device'];
    const MALFORMED: readonly (readonly [string, readonly string[], number])[] = [
      ['absent', [], 400],
      ['empty', ['X-Fingerprint-Id:'], 400],
      ['only spaces', ['X-Fingerprint-Id:    '], 400],
      ['doubled', [`X-Fingerprint-Id: ${KNOWN}`, `X-Fingerprint-Id: ${KNOWN}`], 400],
      ['doubled in another spelling', [`X-Fingerprint-Id: ${KNOWN}`, `x-FINGERPRINT-id: ${KNOWN}`], 400],
      ['doubled, once empty', [`X-Fingerprint-Id: ${KNOWN}`, 'X-Fingerprint-Id:'], 400],
      ['257 characters', [`X-Fingerprint-Id: ${'x'.repeat(257)}`], 400],
      ['8 kB', [`X-Fingerprint-Id: ${'x'.repeat(8000)}`], 400],
      ['64 kB', [`X-Fingerprint-Id: ${'x'.repeat(64_000)}`], 431],
      ['not ASCII', ['X-Fingerprint-Id: d\u00e9vice'], 400],
      ['not even Latin-1', [`X-Fingerprint-Id: ${Buffer.from('устройство').toString('latin1')}`], 400],
      ['a tab inside', ['X-Fingerprint-Id: a\tb'], 400],
      ['a NUL inside', ['X-Fingerprint-Id: a\0b'], 400],
      ['a control character inside', ['X-Fingerprint-Id: a\x01b'], 400],
      ['DEL inside', ['X-Fingerprint-Id: a\x7fb'], 400],
      ['a folded line', [`X-Fingerprint-Id: ${KNOWN}\r\n x`], 400],
    ];

    let person: Person;
    let due: Answer;
    let code = '';
    beforeAll(async () => {
      person = await careful();
      due = await signIn(person, 'a new device');
      code = await app.mail.code(person.email);
    });

    test.each(MALFORMED)('nothing is taken: %s', async (_what, lines, status) => {
      const bodies = [{ username: person.username, password: person.password }, { code }];
      for (const [index, path] of ENDPOINTS.entries()) {
        const token = `Authorization: Bearer ${due.body.data.token}`;
        const headers = ['Content-Type: application/json', token, ...lines];
        const answer = await rawSend(app.url, `POST ${path}`, headers, JSON.stringify(bodies[index]));
        expect(answer.status, `${path}: ${answer.text}`).toBe(status);
      }
      expect(await devicesOf(person)).toEqual([KNOWN]);
    });

    test('the right one is still waited for', async () => {
      expect(seen(await recognise(due, code, 'a new device'))).toBe(DONE);
    });
  });

  test.each([
    KNOWN.toUpperCase(),
    KNOWN.slice(0, -1),
    `${KNOWN}x`,
    `${KNOWN}, ${KNOWN}`,
    `"${KNOWN}"`,
    '*',
    '%',
    '_'.repeat(KNOWN.length),
    "' OR '1'='1",
    '__proto__',
  ])('DR-3: %j is not the known device', async (fingerprint) => {
    expect(seen(await signIn(await careful(), fingerprint))).toBe(DEVICE_DUE);
  });

  test('DR-2: a device is known by a completed sign-in and by nothing before it', async () => {
    const person = await careful();
    const attempts: readonly (() => Promise<unknown>)[] = [
      () => signIn({ ...person, password: 'a wrong password' }, 'device 1'),
      () => signIn(person, 'device 2'),
      async () => {
        const due = await signIn(person, 'device 3');
        await app.mail.code(person.email);
        const code = await app.mail.code(person.email);
        for (let each = 0; each < 5; each += 1) await recognise(due, wrong(code), 'device 3');
        expect((await recognise(due, code, 'device 3')).status).toBe(401);
      },
      async () => {
        const due = await signIn(person, 'device 4');
        const code = await app.mail.code(person.email);
        expect((await recognise(due, code, 'device 5')).status).toBe(401);
        expect((await post('/accounts/verify-2fa', due.body.data.token, code, 'device 4')).status).toBe(401);
        await app.post('/accounts/resend-code', {}, { authorization: `Bearer ${due.body.data.token}` });
      },
      async () => {
        const due = await signIn(person, 'device 6');
        const code = await app.mail.code(person.email);
        app.core.clock.advance(601);
        expect((await recognise(due, code, 'device 6')).status).toBe(401);
      },
    ];
    for (const attempt of attempts) {
      await attempt();
      expect(await devicesOf(person)).toEqual([KNOWN]);
    }
    const due = await signIn(person, 'device 7');
    expect(seen(await recognise(due, await app.mail.code(person.email), 'device 7'))).toBe(DONE);
    expect(await devicesOf(person)).toEqual(['device 7', KNOWN]);
    expect(seen(await signIn(person, 'device 7'))).toBe(DONE);
  });

  test('DR-2: where a second factor is due, passing that is what makes it known', async () => {
    const person = await careful({ secondFactor: { email: true } });
    const due = await signIn(person, 'another device');
    const code = await app.mail.code(person.email);
    const prove = (digits: string) =>
      post('/accounts/verify-2fa', due.body.data.token, digits, 'another device');
    expect((await prove(wrong(code))).status).toBe(401);
    expect(await devicesOf(person)).toEqual([KNOWN]);
    expect(seen(await prove(code))).toBe(DONE);
    expect(await devicesOf(person)).toEqual(['another device', KNOWN]);
  });

  test('DR-2: a known device spares nobody the second factor', async () => {
    const person = await careful({ secondFactor: { email: true } });
    expect(seen(await signIn(person, KNOWN))).toBe(2);
  });

  test('DR-2: one person’s device is another’s new one, and is stored as another thing', async () => {
    const [one, other] = [await careful(), await careful({ devices: ['the device of the other'] })];
    expect(seen(await signIn(one, KNOWN))).toBe(DONE);
    const due = await signIn(other, KNOWN);
    expect(seen(due)).toBe(DEVICE_DUE);
    expect(seen(await recognise(due, await app.mail.code(other.email), KNOWN))).toBe(DONE);
    const hashes = await Promise.all(
      [one, other].map(async ({ id }) =>
        (await app.core.store.devices.ofAccount(id)).map((each) => each.fingerprintHash),
      ),
    );
    expect(new Set(hashes.flat()).size).toBe(3);
  });

  test('DR-2: an account that does not ask for it has no devices', async () => {
    const person = await app.person();
    expect(seen(await signIn(person, 'some device'))).toBe(DONE);
    expect(await devicesOf(person)).toEqual([]);
  });

  test.each(STEP_CONTRACTS.filter((contract) => contract !== 'fingerprint'))(
    'DR-2: the header of another contract is nothing to %s',
    async (contract) => {
      const person = await careful();
      const step = await openStep(app, contract, person, { 'x-fingerprint-id': KNOWN });
      expect(accessTokenIn(contract, await step.prove(await app.mail.code(person.email)))).toBeDefined();
      expect(await devicesOf(person)).toEqual([KNOWN]);
    },
  );

  test('DR-3: a device that was not used for a year is a new one', async () => {
    const person = await careful();
    const year = 31_536_000;
    app.core.clock.advance(year - 1);
    expect(seen(await signIn(person, KNOWN))).toBe(DONE);
    app.core.clock.advance(year - 1);
    expect(seen(await signIn(person, KNOWN))).toBe(DONE);
    app.core.clock.advance(year + 1);
    expect(seen(await signIn(person, KNOWN))).toBe(DEVICE_DUE);
    app.core.clock.advance(-3 * year + 1);
  });

  test('DR-3: fingerprints are stored hashed with a key, and sealed', async () => {
    const [loaded, proven, pending] = [
      'a fingerprint that an import brings',
      'a fingerprint that a sign-in brings',
      'a fingerprint that waits for its code',
    ];
    const person = await careful({ devices: [loaded] });
    const due = await signIn(person, proven);
    expect(seen(await recognise(due, await app.mail.code(person.email), proven))).toBe(DONE);
    expect(seen(await signIn(person, pending))).toBe(DEVICE_DUE);
    const dump = await dumpStore(app.core.config.store.url);
    const secrets = [loaded, proven, pending].map((text) => ({ what: text, text, isGuessable: true }));
    expect(findSecrets(dump, secrets)).toEqual([]);
  });

  test('DR-3: an account keeps so many devices and no more; the one that was not used for longest goes', async () => {
    const many = Array.from({ length: DEVICE_LIMIT }, (_, index) => `device ${index + 100}`);
    const person = await careful({ devices: many });
    app.core.clock.advance(1);
    const used = many.slice(0, 20);
    for (const fingerprint of used) expect(seen(await signIn(person, fingerprint))).toBe(DONE);
    app.core.clock.advance(1);
    const dues: { due: Answer; code: string; fingerprint: string }[] = [];
    for (let each = 0; each < 12; each += 1) {
      const fingerprint = `new ${each}`;
      const due = await signIn(person, fingerprint);
      dues.push({ due, fingerprint, code: await app.mail.code(person.email) });
    }
    const answers = await Promise.all(
      dues.map(({ due, code, fingerprint }) => recognise(due, code, fingerprint)),
    );
    expect(answers.map(seen)).toEqual(dues.map(() => DONE));
    const kept = await devicesOf(person);
    expect(kept).toHaveLength(DEVICE_LIMIT);
    expect(kept).toEqual(expect.arrayContaining([...used, ...dues.map(({ fingerprint }) => fingerprint)]));
  });

  describe('the first device that an account ever has', () => {
    const imported = () => app.person({ recogniseDevices: true });

    test('is taken without a code; the next one is not', async () => {
      const person = await imported();
      expect(seen(await signIn(person, 'first'))).toBe(DONE);
      expect(await devicesOf(person)).toEqual(['first']);
      expect(seen(await signIn(person, 'first'))).toBe(DONE);
      expect(seen(await signIn(person, 'second'))).toBe(DEVICE_DUE);
    });

    test('is one only, of many at once', async () => {
      const person = await imported();
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => signIn(person, `at once ${index}`)),
      );
      const outcomes = answers.map(seen).sort();
      expect(outcomes).toEqual([DONE, ...Array(11).fill(DEVICE_DUE)]);
      expect(await devicesOf(person)).toHaveLength(1);
    });

    test('is not taken after a wrong password, nor where a contract has none', async () => {
      const person = await imported();
      expect(
        (await signIn({ ...person, password: 'a wrong one' }, 'a stranger’s'.replace('’', "'"))).status,
      ).toBe(401);
      expect(await devicesOf(person)).toEqual([]);
      const { status } = await app.post('/auth/login', {
        username: person.username,
        password: person.password,
      });
      expect(status).toBe(401);
      expect(await devicesOf(person)).toEqual([]);
    });

    test('asks for a code where the mount says so', async () => {
      const strict = await startApp(engine, {
        LATCHKEY_MOUNTS: '[{"contract":"fingerprint","trustFirstDevice":false}]',
      });
      const { username, password } = await strict.person({ recogniseDevices: true });
      const answer = await strict.post(
        '/identity/sign-in',
        { username, password },
        { 'x-fingerprint-id': 'first' },
      );
      expect(seen(answer)).toBe(DEVICE_DUE);
      await strict.stop();
    });
  });
});
