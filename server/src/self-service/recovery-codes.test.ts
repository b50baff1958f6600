import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { mailedCode, type SignedInOwner, signInAsOwner } from '../../testing/owner.ts';
import { findSecrets, type Secret } from '../../testing/secrets.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS } from '../../testing/steps.ts';
import { dumpStore, readTables } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

describe.each(ENGINES)('MF-6: recovery codes, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());

  const refusalOf = ({ status, body }: Answer) => [status, body.error?.code];
  const left = async (owner: SignedInOwner) =>
    (await owner.call('GET', '/v1/factors')).body.recoveryCodes.left;

  /** Somebody with an authenticator app, who has just been given recovery codes. */
  async function withCodes(): Promise<{ person: Person; owner: SignedInOwner; codes: string[] }> {
    const person = await app.person({ secondFactor: { totp: SEED } });
    const owner = await signInAsOwner(app, person, () => totpCode(app.core.clock.now()));
    return { person, owner, codes: await renew(owner) };
  }

  async function renew(owner: SignedInOwner): Promise<string[]> {
    const answer = await owner.call('POST', '/v1/factors/recovery-codes', {});
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.body)).toEqual(['recoveryCodes']);
    return answer.body.recoveryCodes;
  }

  test('are ten of 120 bits, and no two sets have one in common', async () => {
    const { owner, codes } = await withCodes();
    const others = await renew(owner);
    expect(new Set([...codes, ...others]).size).toBe(20);
    for (const code of codes) expect(code).toMatch(/^(?:[A-Z2-7]{4}-){5}[A-Z2-7]{4}$/);
    // Base32 has five bits a character, and none of a code's is always the same.
    const plain = [...codes, ...others].map((code) => code.replaceAll('-', ''));
    expect(plain.map((code) => code.length * 5)).toEqual(new Array(20).fill(120));
    for (let at = 0; at < 24; at += 1) expect(new Set(plain.map((code) => code[at])).size).toBeGreaterThan(1);
  });

  test('are kept as keyed hashes, bound to their account, and nowhere in clear', async () => {
    const { person, codes } = await withCodes();
    const url = app.core.config.store.url;
    const secrets = codes.flatMap((code): Secret[] => [
      { what: 'a code', text: code, isGuessable: true },
      { what: 'a code without dashes', text: code.replaceAll('-', ''), isGuessable: true },
    ]);
    expect(findSecrets(await dumpStore(url), secrets)).toEqual([]);
    const rows = ((await readTables(url)).recovery_codes ?? []).filter(
      ({ account_id }) => account_id === person.id,
    );
    expect(rows).toHaveLength(10);
    for (const { code_hash } of rows) expect(code_hash).toMatch(/^[\w-]{43}$/);
  });

  test('are of their own account only', async () => {
    const { codes } = await withCodes();
    const other = await withCodes();
    const step = await openStep(app, 'login', other.person);
    expect(refusalOf(await step.prove(codes[0]))).toEqual([401, 'invalid-code']);
  });

  describe.each(STEP_CONTRACTS)('at %s', (contract) => {
    test('stand in for the factor, once each, and the owner is told', async () => {
      const { person, codes } = await withCodes();
      const [code = ''] = codes;
      const step = await openStep(app, contract, person);
      const answer = await step.prove(code);
      const token = accessTokenIn(contract, answer);
      expect(token, answer.text).toBeDefined();
      const headers = { authorization: `Bearer ${token}` };
      expect((await app.request('GET', '/v1/session', { headers })).body.amr).toEqual([
        'pwd',
        'recovery',
        'mfa',
      ]);
      for (let subject: string | undefined; subject !== 'A recovery code was used'; ) {
        const mail = await app.mail.next(person.email);
        subject = mail.subject;
        if (subject === 'A recovery code was used') expect(mail.text).toContain('9 are left');
        expect(JSON.stringify(mail)).not.toContain(code);
      }
      const events = await eventsOf(app.core, person.id);
      expect(events.filter(({ event }) => event === 'recovery-code.used')).toMatchObject([
        { detail: { left: 9 } },
      ]);
      for (const other of STEP_CONTRACTS) {
        const again = await openStep(app, other, person);
        expect(accessTokenIn(other, await again.prove(code)), other).toBeUndefined();
      }
    });

    test('may be typed as people type', async () => {
      const { person, codes } = await withCodes();
      const typed = [
        (code: string) => code.toLowerCase(),
        (code: string) => code.replaceAll('-', ''),
        (code: string) => code.replaceAll('-', ' '),
        (code: string) => ` ${code.replaceAll('-', '\u00a0')} `,
        (code: string) =>
          code
            .toLowerCase()
            .replaceAll('-', '')
            .replace(/(.{8})/g, '$1 '),
        (code: string) =>
          code.replace(/[A-Z0-9]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfee0)),
      ];
      for (const [index, spell] of typed.entries()) {
        const step = await openStep(app, contract, person);
        const answer = await step.prove(spell(codes[index] ?? ''));
        expect(accessTokenIn(contract, answer), `${index}: ${answer.text}`).toBeDefined();
      }
    });
  });

  test('what is nearly one is a wrong code', async () => {
    const { person, codes } = await withCodes();
    const [code = ''] = codes;
    const wrong = [code.slice(0, -1), `${code}A`, code.slice(5), code.replace(/^./, '1'), '-'.repeat(24)];
    for (let at = 0; at < wrong.length; at += 4) {
      const step = await openStep(app, 'login', person);
      for (const each of wrong.slice(at, at + 4))
        expect(refusalOf(await step.prove(each)), each).toEqual([401, 'invalid-code']);
    }
    const step = await openStep(app, 'login', person);
    expect((await step.prove(code)).status).toBe(200);
  });

  test('MF-4: of twenty at once with one code, on one ticket or on twenty, one signs in', async () => {
    const { person, owner, codes } = await withCodes();
    const twenty = Array.from(
      { length: 20 },
      (_, index) => STEP_CONTRACTS[index % STEP_CONTRACTS.length] ?? '',
    );
    const steps = await Promise.all(twenty.map((contract) => openStep(app, contract, person)));
    const many = await Promise.all(
      steps.map(async (step) => accessTokenIn(step.contract, await step.prove(codes[0]))),
    );
    expect(many.filter((token) => token !== undefined)).toHaveLength(1);
    const step = await openStep(app, 'login', person);
    const one = await Promise.all(twenty.map(() => step.prove(codes[1])));
    expect(one.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await left(owner)).toBe(8);
  });

  test('a new set voids what was left of the old one', async () => {
    const { person, owner, codes } = await withCodes();
    const renewed = await renew(owner);
    expect(await left(owner)).toBe(10);
    const step = await openStep(app, 'login', person);
    expect(refusalOf(await step.prove(codes[0]))).toEqual([401, 'invalid-code']);
    expect((await step.prove(renewed[0])).status).toBe(200);
    expect(await left(owner)).toBe(9);
  });

  test('of two sets made at once, one is there in the end, and it is one that was shown', async () => {
    const { person, owner } = await withCodes();
    const answers = await Promise.all([1, 2, 3].map(() => owner.call('POST', '/v1/factors/recovery-codes')));
    const sets = answers.filter(({ status }) => status === 201).map(({ body }) => body.recoveryCodes);
    expect(await left(owner)).toBe(10);
    const step = await openStep(app, 'login', person);
    const last = await Promise.all(sets.map(([code]) => step.prove(code)));
    expect(last.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('never gate by themselves, and are for those who have a factor', async () => {
    const plain = await signInAsOwner(app, await app.person());
    expect(refusalOf(await plain.call('POST', '/v1/factors/recovery-codes'))).toEqual([409, 'factor-needed']);
    expect(refusalOf(await plain.call('DELETE', '/v1/factors/recovery-codes'))).toEqual([
      404,
      'no-such-factor',
    ]);
    const { person, owner, codes } = await withCodes();
    expect((await owner.call('DELETE', '/v1/factors/recovery-codes')).status).toBe(204);
    expect(await left(owner)).toBe(0);
    const step = await openStep(app, 'login', person);
    expect(refusalOf(await step.prove(codes[0]))).toEqual([401, 'invalid-code']);
  });

  test('die with the last factor, and not with one before it', async () => {
    const person = await app.person({ secondFactor: { totp: SEED, email: true } });
    const owner = await signInAsOwner(app, person, () => mailedCode(app, person));
    await renew(owner);
    expect((await owner.call('DELETE', '/v1/factors/totp')).status).toBe(204);
    expect(await left(owner)).toBe(10);
    expect((await owner.call('DELETE', '/v1/factors/email')).status).toBe(204);
    expect(await left(owner)).toBe(0);
  });

  test('die too when a directory line turns the last factor off, and outlive one that changes it', async () => {
    const { person } = await withCodes();
    const leftOf = async () => (await app.core.store.recoveryCodes.leftOf(person.id)).size;
    await app.person({ ...person, secondFactor: { email: true } });
    expect(await leftOf()).toBe(10);
    await app.person({ ...person, secondFactor: {} });
    expect(await leftOf()).toBe(0);
  });

  test('do not confirm a device', async () => {
    const person = await app.person({ secondFactor: { totp: SEED } });
    const owner = await signInAsOwner(app, person, () => totpCode(app.core.clock.now()));
    const codes = await renew(owner);
    // The codes stay where the second factor is asked for no more: a row of the store, and no directory line, says so.
    const { store } = app.core;
    await store.commit([
      {
        sql: 'UPDATE accounts SET totp_sealed = NULL, recognise_devices = 1 WHERE id = $1',
        params: [person.id],
      },
    ]);
    for (const contract of STEP_CONTRACTS) {
      const step = await openStep(app, contract, person);
      const answer = await step.prove(codes[0]);
      expect(accessTokenIn(contract, answer), contract).toBeUndefined();
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
    expect((await store.recoveryCodes.leftOf(person.id)).size).toBe(10);
  });

  test('SE-3, MF-8: a set wants a fresh proof, ends the other sessions and is told', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const owner = await signInAsOwner(app, person, () => mailedCode(app, person));
    const other = await signInAsOwner(app, person, () => mailedCode(app, person));
    await renew(owner);
    expect(await owner.isIn()).toBe(true);
    expect(await other.isIn()).toBe(false);
    const notice = await app.mail.next(person.email);
    expect(notice.text).toContain('a set of recovery codes was added to your account');
    const { refreshToken } = owner;
    app.core.clock.advance(20 * 60 + 1);
    const { accessToken } = (await app.post('/v1/refresh', { refreshToken })).body;
    const headers = { authorization: `Bearer ${accessToken}` };
    for (const method of ['POST', 'DELETE'])
      expect(refusalOf(await app.request(method, '/v1/factors/recovery-codes', { headers }))).toEqual([
        403,
        'proof-required',
      ]);
  });
});
