import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import type { Addressee } from '../accounts/addressee.ts';
import { exampleMessage } from './example-message.ts';
import type { Message } from './message.ts';
import { MESSAGE_KINDS, placeholdersOf, templateOf } from './template.ts';
import { readTemplateOverrides } from './template-overrides.ts';
import { LOCALES } from './templates/index.ts';
import { createWording, hasWordsIn } from './wording.ts';

const AT = Date.UTC(2026, 10, 22, 14, 5);
const shipped = createWording({ service: 'Latchkey', locale: 'en' });
const reader = (known: Partial<Addressee> = {}): Addressee => ({
  name: '',
  organisations: [],
  locale: null,
  ...known,
});
const inLocale = (locale: string | null) => reader({ locale });

describe.each([...LOCALES])('the words in %s', (locale, { messages, text }) => {
  test.each(MESSAGE_KINDS)('of %s have its placeholders and no other', (kind) => {
    const { subject, lines } = templateOf(messages[kind]);
    const used = [subject, ...lines].flatMap((line) =>
      [...line.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name),
    );
    expect(placeholdersOf(kind)).toEqual(expect.arrayContaining(used));
    const owed = placeholdersOf(kind).filter((name) => !['service', 'name'].includes(name));
    expect(used).toEqual(expect.arrayContaining(owed));
  });

  test.each(MESSAGE_KINDS)('of %s have the code alone on a line, and no other six digits', (kind) => {
    const message = exampleMessage(kind, AT);
    const mail = shipped.mail(message, inLocale(locale), AT);
    const code = 'digits' in message ? message.digits : 'code' in message ? message.code : null;
    const holding = mail.text.split('\n').filter((line) => code !== null && line.includes(code));
    expect(holding).toEqual(code === null ? [] : [code]);
    expect(mail.text.match(/\d{6,}/g) ?? []).toEqual('digits' in message ? [message.digits] : []);
    expect(mail.subject).not.toMatch(/\d{6}/);
    if (code !== null) expect(mail.html).toContain(`>${code}</p>`);
    expect(`${mail.subject}${mail.text}`).not.toMatch(/[{}]|undefined/);
    expect(mail.html).not.toMatch(/<a |href|[{}]/);
    expect(mail.html).toContain(`<html lang="${locale}">`);
    expect(mail.text).toContain('14:05 UTC'.replace('14:05', 'expiresAt' in message ? '14:15' : '14:05'));
  });

  test('of a text message are one short line with the code and the service', () => {
    const message = { kind: 'address-code', digits: '042042', expiresAt: AT } as const;
    const line = shipped.sms(message, inLocale(locale), AT);
    expect(line).toMatch(/042042/);
    expect(line).toContain('Latchkey');
    expect(line).not.toMatch(/\n|[{}]/);
    // What goes into one message whatever its alphabet.
    expect(line.length).toBeLessThanOrEqual(70);
    expect(text).toContain('{code}');
  });
});

describe('the language', () => {
  const subjectFor = (locale: string | null, fallback = 'en') =>
    createWording({ service: 'Latchkey', locale: fallback }).mail(
      exampleMessage('password-changed', AT),
      inLocale(locale),
      AT,
    ).subject;

  test.each([
    ['de', 'Ihr Passwort wurde geändert'],
    ['de-AT', 'Ihr Passwort wurde geändert'],
    ['pt-BR', 'A sua senha foi alterada'],
    ['pt_BR', 'A sua senha foi alterada'],
    ['ES-419', 'Se ha cambiado tu contraseña'],
    ['fr', 'Your password was changed'],
    ['nonsense!', 'Your password was changed'],
    ['../../etc', 'Your password was changed'],
    [null, 'Your password was changed'],
  ])('%s says: %s', (locale, subject) => {
    expect(subjectFor(locale)).toBe(subject);
  });

  test('of the configuration is for those who have not said, and for those whose own has no words', () => {
    expect(subjectFor(null, 'de')).toBe('Ihr Passwort wurde geändert');
    expect(subjectFor('fr', 'de')).toBe('Ihr Passwort wurde geändert');
  });

  test('writes dates, and always says that they are UTC', () => {
    const textIn = (locale: string) =>
      shipped.mail(exampleMessage('phone-changed', AT), inLocale(locale), AT).text;
    expect(textIn('en')).toContain('22 November 2026, 14:05 UTC');
    expect(textIn('es')).toContain('22 de noviembre de 2026, 14:05 UTC');
    expect(textIn('pt-BR')).toContain('22 de novembro de 2026, 14:05 UTC');
    expect(textIn('de')).toContain('22. November 2026, 14:05 UTC');
  });

  test('a code that lasts longer than half a day says until which day', () => {
    const code = (hours: number): Message => ({
      kind: 'validation-code',
      code: 'x',
      expiresAt: AT + hours * 3_600_000,
    });
    expect(shipped.mail(code(1), null, AT).text).toContain('until 15:05 UTC.');
    expect(shipped.mail(code(24), null, AT).text).toContain('until 23 November 2026, 14:05 UTC.');
  });
});

describe('what comes from outside', () => {
  test('cannot be markup, another line, or something to be taken for a code', () => {
    const message: Message = {
      kind: 'new-device',
      at: AT,
      address: '192.0.2.7',
      place: 'Vila <b>Nova</b>\r\nBcc: eve@example.com',
      userAgent: 'Chrome 123456 on <script>alert("1")</script>',
    };
    const { text, html } = shipped.mail(message, null, AT);
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
    expect(html).not.toMatch(/<script|<b>/);
    expect(text).not.toMatch(/\d{6}|^Bcc/m);
  });

  test('whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (place, userAgent) => {
        const message: Message = { kind: 'new-device', at: AT, address: '192.0.2.7', place, userAgent };
        const { text, html, subject } = shipped.mail(message, reader({ name: userAgent }), AT);
        const plain = shipped.mail({ ...message, place: 'x', userAgent: 'x' }, null, AT);
        expect(text.split('\n')).toHaveLength(plain.text.split('\n').length);
        expect(html.match(/<[a-z/!]/g)).toEqual(plain.html.match(/<[a-z/!]/g));
        expect(subject).toBe(plain.subject);
        expect(text).not.toMatch(/\d{6}/);
      }),
    );
  });

  test('a placeholder in a value is not filled', () => {
    const message = {
      kind: 'new-device',
      at: AT,
      address: '{time}',
      place: null,
      userAgent: '{name}',
    } as const;
    expect(shipped.mail(message, null, AT).text).toContain('Device: {name}. Address: {time}.');
  });
});

describe('the operator’s own words', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-templates-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  let folders = 0;
  /** A folder with these files. */
  const templates = (files: Readonly<Record<string, string | Buffer>>) => {
    folders += 1;
    const root = join(folder, String(folders));
    mkdirSync(root);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    return root;
  };
  const read = (files: Readonly<Record<string, string | Buffer>>) => readTemplateOverrides(templates(files));
  const wordingOf = (files: Readonly<Record<string, string | Buffer>>) => {
    const { overrides, problems } = read(files);
    expect(problems).toEqual([]);
    return createWording({ service: 'Meadow', locale: 'en', overrides });
  };
  const GOOD = 'Your code for {service}\n\nHello {name},\nhere it is:\n\n  {code}  \n\nUntil {time}.\n';
  const pin = { kind: 'sign-in-code', digits: '042042', expiresAt: AT } as const;

  test('stand in the place of ours, as text and as HTML that says the same', () => {
    const wording = wordingOf({ 'default/en/sign-in-code.txt': GOOD });
    const { subject, text, html } = wording.mail(pin, reader({ name: 'Ada <b> & "Co"' }), AT);
    expect(subject).toBe('Your code for Meadow');
    expect(text).toBe('Hello Ada <b> & "Co",\nhere it is:\n\n042042\n\nUntil 14:05 UTC.\n');
    expect(html).toContain('<p>Hello Ada &lt;b&gt; &amp; &quot;Co&quot;,<br>here it is:</p>');
    expect(html).toContain('>042042</p>');
  });

  test('are taken with carriage returns and a byte order mark', () => {
    const wording = wordingOf({ 'default/en/sign-in-code.txt': `\uFEFF${GOOD.replaceAll('\n', '\r\n')}` });
    const { subject, text } = wording.mail(pin, null, AT);
    expect(subject).toBe('Your code for Meadow');
    expect(text.split('\n')).toContain('042042');
    expect(text).not.toContain('\r');
  });

  test('go by language first, then by the organisation, its group, and everybody', () => {
    const [school, group] = [uuid(1), uuid(2)];
    const own = (subject: string) => `${subject}\n\n{code}\n`;
    const wording = wordingOf({
      'default/en/sign-in-code.txt': own('everybody, en'),
      'default/fr/sign-in-code.txt': own('everybody, fr'),
      [`${group}/en/sign-in-code.txt`]: own('group, en'),
      [`${group}/fr/sign-in-code.txt`]: own('group, fr'),
      [`${school}/en/sign-in-code.txt`]: own('school, en'),
      [`${school}/pt-BR/sign-in-code.txt`]: own('school, pt-BR'),
    });
    const subject = (organisations: string[], locale: string | null) =>
      wording.mail(pin, reader({ organisations, locale }), AT).subject;
    expect(subject([school, group], null)).toBe('school, en');
    expect(subject([school, group], 'fr-CA')).toBe('group, fr');
    expect(subject([school], 'fr')).toBe('everybody, fr');
    expect(subject([group], 'en-GB')).toBe('group, en');
    expect(subject([], 'en')).toBe('everybody, en');
    expect(subject([school, group], 'pt-BR')).toBe('school, pt-BR');
    // Ours in the language that somebody reads, before theirs in another.
    expect(subject([school, group], 'pt-PT')).toBe('O seu código para entrar');
    expect(subject([school, group], 'de')).toBe('Ihr Anmeldecode');
    expect(subject([uuid(3)], 'it')).toBe('everybody, en');
  });

  test('in a language of their own have its dates, and our words for factors', () => {
    const wording = wordingOf({ 'default/fr/factor-added.txt': 'Facteur\n\n{factor}: {time}\n' });
    const { text } = wording.mail(exampleMessage('factor-added', AT), inLocale('fr'), AT);
    expect(text).toBe('a passkey: 22 novembre 2026, 14:05 UTC\n');
  });

  test('are there for text messages too', () => {
    const wording = wordingOf({ 'default/es/sign-in-code.sms.txt': '{service}: {code}\n' });
    expect(wording.sms(pin, inLocale('es'), AT)).toBe('Meadow: 042042');
    expect(wording.sms(pin, inLocale('de'), AT)).toContain('042042 ist Ihr Code');
  });

  test.each([
    ['default/en/sign-in-code.txt', 'S\n\nno code\n', ':3: {code} is missing'],
    ['default/en/reset-code.txt', 'S\n\nyour code: {code}\n', ':3: {code} must be alone on its line'],
    ['default/en/reset-code.txt', 'S\n\n{code}\n\n{code}\n', ':5: {code} is there already'],
    [
      'default/en/reset-code.txt',
      'S\n\n{code}\n\n{tiem}\n',
      ':5: {tiem} is no placeholder of reset-code; there are {code}, {time}, {service}, {name}',
    ],
    ['default/en/reset-code.txt', 'S\n\n{code}\n{ code }\n', ':4: { code } is no placeholder'],
    ['default/en/phone-changed.txt', 'S\n\n{code}\n', ':3: {code} is no placeholder of phone-changed'],
    ['default/en/reset-code.txt', 'The code is {code}\n\n{code}\n', ':1: a subject may not hold {code}'],
    ['default/en/reset-code.txt', '\n\n{code}\n', ':1: the subject is missing'],
    ['default/en/reset-code.txt', 'S\nat once\n{code}\n', ':2: must be empty'],
    ['default/en/phone-changed.txt', 'S\n', ':1: the text is missing'],
    ['default/en/phone-changed.txt', 'S\n\nCall 555123456.\n', ':3: six digits in a row'],
    ['default/en/phone-change.txt', 'S\n\nx\n', ': is no kind of message; there are sign-in-code, '],
    ['default/en/phone-changed.html', 'S', ': is no template'],
    ['default/english!/phone-changed.txt', 'S\n\nx\n', 'default/english!: is no language tag'],
    ['school/en/phone-changed.txt', 'S\n\nx\n', 'school: is neither an organisation’s id nor `default`'],
    ['default/en/phone-changed.txt', Buffer.from([0x53, 0x0a, 0x0a, 0xff, 0xfe]), ': cannot be read'],
    ['default/en/phone-changed.txt', 'x'.repeat(70_000), ': is larger than 64 KiB'],
    ['default/en/reset-code.sms.txt', 'no code\n', ':1: {code} is missing'],
    ['default/en/reset-code.sms.txt', '{code}\nmore\n', ':2: a text message is one line'],
    ['default/en/reset-code.sms.txt', '{code} {code}\n', ':1: {code} is there already'],
    ['default/en/phone-changed.sms.txt', 'x\n', ':1: phone-changed is not sent as a text message'],
  ])('a mistake in %s is told with its line: %j', (path, content, problem) => {
    const { problems } = read({ [path]: content });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem.startsWith(':') ? path + problem : problem);
  });

  test('all mistakes are told at once, and a folder that is not there is one', () => {
    const { problems } = read({
      'default/en/reset-code.txt': '\nx\n{code} here\n{what}\n123456\n',
      'default/es/reset-code.txt': 'S\n\nx\n',
    });
    expect(problems.map((problem) => /^[^:]+:\d+/.exec(problem)?.[0])).toEqual([
      ...[1, 2, 3, 4, 5].map((line) => `default/en/reset-code.txt:${line}`),
      'default/es/reset-code.txt:3',
    ]);
    expect(readTemplateOverrides(join(folder, 'nowhere')).problems[0]).toMatch(/nowhere: cannot be read/);
  });

  test('what begins with a dot is passed over', () => {
    expect(read({ '.git/x': '', 'default/.DS_Store': '', 'default/en/.x.txt.swp': '' }).problems).toEqual([]);
  });

  test('count as words of their language', () => {
    const { overrides } = read({ 'default/fr/phone-changed.txt': 'S\n\nx\n' });
    expect(['fr', 'fr-CA', 'de-AT', 'it'].map((tag) => hasWordsIn(tag, overrides))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
