import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { exported, loadLines, reasons, testStores } from '../../testing/directory.ts';
import { ENGINES } from '../../testing/engines.ts';
import { canonicalName } from '../accounts/identifier.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { saveAccounts } from '../store/account-records.ts';
import { insertInstallation } from '../store/installations.ts';

/** The longest name and identifier that is read at sign-up. */
const LONGEST = 254;
/** One character in NFC, two as it was typed. */
const MARKED = 'e\u0301';
/** One character as it is typed, two in NFC. */
const TAKEN_APART = '\u0958';

describe.each(ENGINES)('what a sign-up stored, on %s', (engine) => {
  const { fresh, closeAll } = testStores(engine);
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'profile', allowSignUp: true }]),
    });
  });
  afterAll(async () => {
    await Promise.all([app.stop(), closeAll()]);
  });

  const expectMove = async (name: string) => {
    const lines = await exported(app.core);
    expect(JSON.stringify(lines)).toContain(name);
    const other = await fresh();
    expect(reasons(await loadLines(lines, other))).toEqual([]);
    expect(await exported(other)).toEqual(lines);
  };

  test.each([
    ['as many letters as they may have', 'x'.repeat(LONGEST)],
    ['letters that NFC takes apart', TAKEN_APART.repeat(LONGEST / 2)],
  ])('moves with an export: two names of %s', async (what, name) => {
    const signedUp = await app.post('/api/v1/auths/sign-up', {
      email: `${what.length}@example.com`,
      password: 'kestrel over the quarry',
      first_name: name,
      last_name: name,
    });
    expect(signedUp.status).toBe(201);
    await expectMove(`${name} ${name}`);
  });

  test.each([
    ['marks that were typed by themselves', MARKED],
    ['letters that NFC takes apart', TAKEN_APART],
  ])('moves with an export, however its length was counted: %s', async (what, letter) => {
    const name = letter.repeat(LONGEST);
    const id = uuid(what.length);
    await app.core.store.commit([
      ...saveAccounts(
        [
          {
            id,
            number: what.length,
            homeId: null,
            user: { id, name: `${name} ${name}`, firstName: name, lastName: name, avatar: null },
            username: name,
            email: null,
            phone: null,
            passwordHash: null,
            importedHash: null,
            status: 'active',
            emailValidated: false,
            phoneValidated: false,
            createdAt: 1_700_000_000_000,
            factorEmail: false,
            totpSealed: null,
            recogniseDevices: false,
            role: null,
            stats: '{}',
            attributes: '{}',
            epoch: 1,
          },
        ],
        [{ accountId: id, homeId: null, canonical: String(canonicalName(name)), kinds: 1 }],
        [],
      ),
      insertInstallation(letter.repeat(128), hashPassword('of a phone', app.core.config.hashing)),
    ]);
    await expectMove(`${name} ${name}`);
  });

  test.each([
    ['username', 254, { username: 'x'.repeat(255) }],
    ['username', 254, { username: MARKED.repeat(255) }],
    ['user.name', 509, { user: { name: 'x'.repeat(510) } }],
    ['user.firstName', 254, { user: { firstName: MARKED.repeat(255) } }],
  ])('could not be longer: %s', async (key, limit, more) => {
    const report = await loadLines([{ kind: 'account', id: uuid(1), ...more }], await fresh());
    expect(reasons(report)).toHaveLength(1);
    expect(reasons(report)[0]).toContain(`1: ${key} must not have more than ${limit} characters`);
  });
});
