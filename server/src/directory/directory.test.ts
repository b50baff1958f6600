import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { exported, loadLines, reasons, testStores } from '../../testing/directory.ts';
import { ENGINES } from '../../testing/engines.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { SEED } from '../../testing/totp.ts';
import type { Core } from '../core.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { importDirectory } from './import.ts';
import { readLines } from './read-lines.ts';

const ACCOUNT = { kind: 'account', id: uuid(1) };

describe.each(ENGINES)('the directory on %s', (engine) => {
  const { fresh, closeAll } = testStores(engine);
  let core: TestCore;
  beforeAll(async () => {
    core = await fresh();
  });
  afterAll(closeAll);
  const load = (lines: readonly (object | string)[], into: Core = core, dryRun = false) =>
    loadLines(lines, into, dryRun);

  test('says how many were made, changed and left alone; a second run changes nothing', async () => {
    const into = await fresh();
    const file = readFileSync(new URL('../../demo/directory.jsonl', import.meta.url), 'utf8')
      .trimEnd()
      .split('\n');
    expect(await load(file, into)).toMatchObject({
      created: file.length,
      updated: 0,
      unchanged: 0,
      refused: [],
      guessable: [],
      unheeded: [],
      guessableCodes: [{ liveCodes: 1 }, { liveCodes: 2 }],
      endlessCodes: [],
    });
    const before = await exported(into);
    const epochs = (await into.store.accountRecords.page(0, 500)).map(({ epoch }) => epoch);
    expect(await load(file, into)).toMatchObject({
      created: 0,
      updated: 0,
      unchanged: file.length,
      refused: [],
      guessable: [],
      unheeded: [],
    });
    expect(await exported(into)).toEqual(before);
    expect((await into.store.accountRecords.page(0, 500)).map(({ epoch }) => epoch)).toEqual(epochs);
  });

  test('an export loaded into an empty store gives the same export', async () => {
    const [one, other] = [await fresh(), await fresh()];
    await load(
      readFileSync(new URL('../../demo/directory.jsonl', import.meta.url), 'utf8')
        .trimEnd()
        .split('\n'),
      one,
    );
    const lines = await exported(one);
    expect((await load(lines, other)).refused).toEqual([]);
    expect(await exported(other)).toEqual(lines);
  });

  test('every field of every kind comes back as it was given', async () => {
    const into = await fresh();
    const passwordHash = hashPassword('a password that is kept', core.config.hashing);
    const lines = [
      {
        kind: 'organisation',
        id: uuid(1),
        name: "Cy's University",
        accountName: 'cy',
        parent: null,
        isActive: true,
        isSuspended: true,
        isPaid: true,
        settings: { b: 1, a: [5, 3] },
      },
      {
        kind: 'organisation',
        id: uuid(2),
        name: 'Below',
        accountName: null,
        parent: uuid(1),
        isActive: false,
        isSuspended: false,
        isPaid: false,
        settings: null,
      },
      { kind: 'role', name: 'Student', permissions: ['course:read', 'a'], admin: 'group' },
      {
        kind: 'account',
        id: uuid(3),
        number: 17,
        organisation: uuid(2),
        username: 'Ada',
        email: 'Ada@Example.com',
        phone: '+34 600 111 222',
        passwordHash,
        status: 'inactive',
        emailValidated: true,
        phoneValidated: true,
        createdAt: '2024-05-01T10:00:00.123Z',
        user: {
          id: uuid(4),
          name: 'Ada Byron',
          firstName: 'Ada',
          lastName: 'Byron',
          avatar: 'https://example.com/a',
        },
        secondFactor: { email: true, totp: SEED },
        recogniseDevices: true,
        devices: ['one', 'two'],
        role: 'Student',
        stats: { courses: 3 },
        attributes: { nested: { deep: true } },
      },
      { kind: 'membership', account: uuid(3), organisation: uuid(1), role: 'Student' },
      {
        kind: 'installation',
        installationId: 'an-installation',
        passwordHash,
        account: uuid(3),
        status: 'inactive',
      },
      {
        kind: 'resource',
        context: 'a context',
        code: 'A1B2C3',
        expiresAt: '2030-01-01T00:00:00.000Z',
        maxUses: 5,
        uses: 2,
        revoked: true,
      },
    ];
    await load(lines, into);
    const result = await exported(into);
    const sorted = (each: object) =>
      'devices' in each ? { ...each, devices: (each.devices as string[]).toSorted() } : each;
    expect(result.map(sorted)).toEqual(lines);
  });

  test('what a line leaves out is off, null or empty', async () => {
    const into = await fresh();
    await load(
      [
        { kind: 'organisation', id: uuid(1) },
        { kind: 'role', name: 'r' },
        { ...ACCOUNT },
        { kind: 'installation', installationId: 'i' },
        { kind: 'resource', context: 'c', code: 'd' },
      ],
      into,
    );
    const [organisation, role, account, installation, resource] = await exported(into);
    expect(organisation).toEqual({
      kind: 'organisation',
      id: uuid(1),
      name: '',
      accountName: null,
      parent: null,
      isActive: false,
      isSuspended: false,
      isPaid: false,
      settings: null,
    });
    expect(role).toEqual({ kind: 'role', name: 'r', permissions: [], admin: null });
    expect(account).toMatchObject({
      number: 1,
      organisation: null,
      username: null,
      passwordHash: null,
      status: 'active',
      emailValidated: false,
      secondFactor: { email: false, totp: null },
      recogniseDevices: false,
      devices: [],
      role: null,
      stats: {},
      attributes: {},
    });
    expect(account).toMatchObject({
      user: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: '',
        firstName: null,
        lastName: null,
        avatar: null,
      },
    });
    expect(installation).toEqual({
      kind: 'installation',
      installationId: 'i',
      passwordHash: null,
      account: null,
      status: 'active',
    });
    expect(resource).toEqual({
      kind: 'resource',
      context: 'c',
      code: 'd',
      expiresAt: null,
      maxUses: 1,
      uses: 0,
      revoked: false,
    });
  });

  test('references may point forward, whatever the order', async () => {
    const lines = [
      { kind: 'membership', account: uuid(3), organisation: uuid(2), role: 'Student' },
      { kind: 'installation', installationId: 'i', account: uuid(3) },
      { kind: 'account', id: uuid(3), organisation: uuid(2), role: 'Student' },
      { kind: 'organisation', id: uuid(2), parent: uuid(1) },
      { kind: 'organisation', id: uuid(1) },
      { kind: 'role', name: 'Student' },
    ];
    for (const order of [lines, lines.toReversed()]) {
      for (const dryRun of [true, false])
        expect((await load(order, await fresh(), dryRun)).refused).toEqual([]);
    }
  });

  test('a bad line is told with its number and reason, and the good ones load', async () => {
    const into = await fresh();
    const report = await load(
      [
        { kind: 'role', name: 'good' },
        'no json',
        '[]',
        { kind: 'nonsense' },
        { kind: 'role', name: 'x', unknown: 1 },
        { kind: 'account', id: 'not-a-uuid' },
        { ...ACCOUNT, id: uuid(10), email: 'a@b, c@d' },
        { ...ACCOUNT, id: uuid(11), phone: '12' },
        { ...ACCOUNT, id: uuid(12), password: 'seven77' },
        { ...ACCOUNT, id: uuid(13), password: 'x'.repeat(1025) },
        {
          ...ACCOUNT,
          id: uuid(14),
          passwordHash: '$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA',
        },
        { ...ACCOUNT, id: uuid(15), organisation: uuid(99) },
        { ...ACCOUNT, id: uuid(16), role: 'nobody' },
        { ...ACCOUNT, id: uuid(17), username: 'a\u200bda' },
        { ...ACCOUNT, id: uuid(18), secondFactor: { totp: 'not base32!' } },
        { kind: 'membership', account: uuid(99), organisation: uuid(1), role: 'good' },
        { kind: 'organisation', id: uuid(20), parent: uuid(21) },
        { kind: 'organisation', id: uuid(21), parent: uuid(20) },
        { kind: 'organisation', id: uuid(22), parent: uuid(22) },
        { kind: 'resource', context: 'c', code: 'd', maxUses: -1 },
        { ...ACCOUNT, id: uuid(23), user: { name: 5 } },
        { kind: 'role', name: 'good too' },
      ],
      into,
    );
    expect(report.created).toBe(2);
    const found = reasons(report);
    expect(found.map((reason) => Number(reason.split(':')[0]))).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 2),
    );
    for (const [line, reason] of [
      [2, 'it is not JSON'],
      [4, 'kind must be one of'],
      [5, 'unknown is not a known key'],
      [6, 'id must be a UUID'],
      [7, 'email is not an e-mail address'],
      [9, 'password must have 8 to 1024 characters'],
      [11, 'passwordHash cannot be used'],
      [12, `there is no organisation ${uuid(99)}`],
      [13, 'there is no role nobody'],
      [16, `there is no account ${uuid(99)}`],
      [17, 'there is no organisation'],
      [19, 'it would be its own parent'],
    ] as const) {
      expect(found.find((each) => each.startsWith(`${line}:`))).toContain(reason);
    }
    expect((await exported(into)).map((line) => (line as { name?: string }).name)).toEqual([
      'good',
      'good too',
    ]);
  });

  test('takes no text that a store could not give back, and any other however it is escaped', async () => {
    const into = await fresh();
    const role = (name: string) => `{"kind":"role","name":${name}}`;
    const nul = String.raw`"a\u0000"`;
    const half = String.raw`"a\ud83d"`;
    const member = String.raw`{"kind":"organisation","id":"${uuid(1)}","settings":{"x":[{"\ude00":1}]}}`;
    const nested = (levels: number) =>
      `{"kind":"organisation","id":"${uuid(2)}","settings":${'{"x":'.repeat(levels)}1${'}'.repeat(levels)}}`;
    const report = await loadLines(
      [
        role(nul),
        role(half),
        member,
        nested(99),
        nested(100),
        nested(100_000),
        role(String.raw`"\\u0000"`),
        role(String.raw`"\ud83d\ude00"`),
      ],
      into,
    );
    expect(reasons(report)).toEqual([
      '1: it holds a NUL character',
      '2: it holds half of a surrogate pair',
      '3: it holds half of a surrogate pair',
      '5: it is nested deeper than 100 levels',
      '6: it is nested deeper than 100 levels',
    ]);
    expect((await exported(into)).filter((line) => 'kind' in line && line.kind === 'role')).toMatchObject([
      { name: String.raw`\u0000` },
      { name: '😀' },
    ]);
  });

  test('bytes that are no UTF-8 spoil their own line only', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"kind":"role","name":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\n{"kind":"role","name":"fine"}\n'),
    ]);
    const report = await importDirectory(await fresh(), readLines('f', Readable.from([bytes])), {
      dryRun: false,
    });
    expect(reasons(report)).toEqual(['1: it is not UTF-8']);
    expect(report.created).toBe(1);
  });

  test('IN-1: two accounts in one home cannot share an identifier in any spelling or kind; in two homes they can', async () => {
    const into = await fresh();
    const report = await load(
      [
        { kind: 'organisation', id: uuid(50) },
        { kind: 'account', id: uuid(1), username: 'ada', email: 'ada@example.com', phone: '+34600111222' },
        { kind: 'account', id: uuid(2), username: 'ＡＤＡ' },
        { kind: 'account', id: uuid(3), email: 'ADA@EXAMPLE.com' },
        { kind: 'account', id: uuid(4), username: 'Ada@example.com' },
        { kind: 'account', id: uuid(5), phone: '+34 600-111-222' },
        { kind: 'account', id: uuid(6), username: 'ada', organisation: uuid(50) },
        { kind: 'account', id: uuid(7), username: 'own@example.com', email: 'own@example.com' },
      ],
      into,
    );
    expect(report.refused.map(({ lineNumber }) => lineNumber)).toEqual([3, 4, 5, 6]);
    expect(report.refused[0]?.reason).toBe('another account in the same home has the identifier ada');
    const again = await load([{ kind: 'account', id: uuid(8), username: 'ada' }], into);
    expect(again.refused).toHaveLength(1);
  });

  test.each([
    ['case and width', ['race', 'RACE', 'ｒａｃｅ', 'Race', 'raCE', 'ＲＡＣＥ']],
    ['a full-width @', ['race@example.com', 'RACE＠example.com', 'ｒace@EXAMPLE.com']],
    ['a sharp s', ['Straße', 'STRASSE', 'STRAẞE', 'strasse']],
    ['a dotless i, and ligatures', ['ırıs ﬁnn', 'IRIS FINN', 'iris finn', 'irıs ﬁNN']],
    ['marks on letters', ['Zoë', 'Zoe\u0308', 'ZOË']],
    ['an international domain', ['a@exämple.com', 'A@EXÄMPLE.com', 'a@xn--exmple-cua.com']],
  ])(
    'IN-1: accounts that are loaded at once with one name in many spellings are one: %s',
    async (_what, spellings) => {
      const into = await fresh();
      const reports = await Promise.all(
        spellings.map((username, index) => load([{ kind: 'account', id: uuid(index + 1), username }], into)),
      );
      expect(reports.map(({ created }) => created).reduce((sum, each) => sum + each, 0)).toBe(1);
      expect(reports.flatMap(({ refused }) => refused)).toHaveLength(spellings.length - 1);
    },
  );

  test('IN-1: names with what cannot be seen, or turns the direction, are refused', async () => {
    const names = ['a\u200bda', 'a\u200dda', '\u202eada', 'ada\u2066', 'a\u00adda', '\ufeffada', 'a\u2060da'];
    const report = await load(
      names.map((username, index) => ({ kind: 'account', id: uuid(index + 1), username })),
      await fresh(),
    );
    expect(report.refused.map(({ lineNumber }) => lineNumber)).toEqual(names.map((_, index) => index + 1));
  });

  test('keeps hashes of other formats as they are', async () => {
    const into = await fresh();
    const passwordHash = bcryptHash('a password of old', 4);
    await load([{ ...ACCOUNT, passwordHash }], into);
    expect((await into.store.accountRecords.byIds([uuid(1)]))[0]?.passwordHash).toBe(passwordHash);
  });

  test('numbers are stable, given ones are kept, and none is handed out twice', async () => {
    const into = await fresh();
    await load(
      [
        { kind: 'account', id: uuid(1), number: 40 },
        { kind: 'account', id: uuid(2) },
      ],
      into,
    );
    await load(
      [
        { kind: 'account', id: uuid(3) },
        { kind: 'account', id: uuid(4) },
      ],
      into,
    );
    const numbers = (await into.store.accountRecords.page(0, 10)).map(({ number }) => number);
    expect(new Set(numbers).size).toBe(4);
    expect(numbers).toContain(40);
    expect(reasons(await load([{ kind: 'account', id: uuid(1), number: 41 }], into))).toEqual([
      '1: its number is 40 and cannot change',
    ]);
    expect((await load([{ kind: 'account', id: uuid(9), number: 40 }], into)).refused).toHaveLength(1);
  });

  test('tells how far it has come while it hashes plain passwords, not only at the end', async () => {
    const people = Array.from({ length: 70 }, (_, index) => {
      return { kind: 'account', id: uuid(index + 1), username: `p${index}`, password: 'a plain password' };
    });
    const bytes = Buffer.from(people.map((line) => JSON.stringify(line)).join('\n'));
    const told: number[] = [];
    await importDirectory(await fresh(), readLines('f', Readable.from([bytes])), {
      dryRun: false,
      onProgress: (lines) => told.push(lines),
    });
    expect(told).toEqual([32, 64, 70]);
  });

  test('a dry run finds what a run would, and writes nothing', async () => {
    const into = await fresh();
    const lines = [
      { kind: 'role', name: 'r' },
      { kind: 'account', id: uuid(1), username: 'ada', role: 'r' },
      { kind: 'account', id: uuid(2), username: 'ADA' },
      { kind: 'membership', account: uuid(1), organisation: uuid(9), role: 'r' },
    ];
    const begun = process.cpuUsage().user;
    const many = Array.from({ length: 300 }, (_, index) => ({
      kind: 'account',
      id: uuid(100 + index),
      password: `password ${index}`,
    }));
    expect(await load(many, into, true)).toMatchObject({ created: 300, refused: [] });
    // Hashing three hundred passwords takes some three seconds: a dry run does not.
    expect(process.cpuUsage().user - begun).toBeLessThan(1_500_000);
    const dry = await load(lines, into, true);
    expect(await exported(into)).toEqual([]);
    const wet = await load(lines, into);
    expect(dry).toEqual(wet);
  });

  test('names that every object inherits are names like others', async () => {
    const into = await fresh();
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const lines = names.flatMap((name, index) => [
      JSON.stringify({ kind: 'role', name }),
      JSON.stringify({ kind: 'account', id: uuid(index + 1), username: name, role: name }),
      `{"kind":"resource","context":"${name}","code":"${name}"}`,
    ]);
    expect((await load(lines, into)).refused).toEqual([]);
    expect(
      (await load(['{"kind":"role","name":"x","__proto__":{"admin":"global"}}'], into)).refused,
    ).toHaveLength(1);
    expect((await exported(into)).length).toBe(lines.length);
  });
});

test('an export is the same text from either engine, whatever the locale of the database is', async () => {
  const account = {
    kind: 'account',
    id: uuid(1),
    username: 'ada',
    createdAt: '2024-05-01T10:00:00.000Z',
    user: { id: uuid(2) },
  };
  const organisation = { kind: 'organisation', id: uuid(3) };
  const sorted = ['b', 'A', 'a', 'B', 'Ä', 'ä', '_', '-', '1', 'z', 'Z', '😀', '\uffee'].flatMap((name) => [
    { kind: 'role', name },
    { kind: 'installation', installationId: name },
    { kind: 'membership', account: uuid(1), organisation: uuid(3), role: name },
  ]);
  const texts: string[] = [];
  const locale = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";
  for (const engine of ENGINES) {
    const url = engine === 'postgres' && (await createDatabase(inject('postgresUrl'), locale));
    const into = await openTestCore(engine, url ? { LATCHKEY_STORE_URL: url } : {});
    expect((await loadLines([organisation, account, ...sorted], into)).refused).toEqual([]);
    texts.push(JSON.stringify(await exported(into), null, 1));
    await into.close();
  }
  expect(texts[1]).toBe(texts[0]);
});
