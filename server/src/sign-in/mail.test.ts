import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';

const PIN = { secondFactor: { email: true } };

describe.each(ENGINES)('the words of a mailed code on %s', (engine) => {
  let app: TestApp;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-templates-'));
    app = await startApp(engine, { LATCHKEY_MAIL_LOCALE: 'es', LATCHKEY_MAIL_TEMPLATES: folder });
  });
  afterAll(async () => {
    await app.stop();
    rmSync(folder, { recursive: true });
  });

  /** Signs somebody in as far as the PIN and gives the mail. */
  async function pinFor(fields: Record<string, unknown>, to: TestApp = app) {
    const { username, password, email } = await to.person({ ...PIN, ...fields });
    await to.post('/auth/login', { username, password });
    return to.mail.next(email);
  }

  test('are those of the account, else of its organisation, else of the configuration', async () => {
    const school = await app.organisation({ settings: { locale: 'pt-BR' } });
    const subjects = [];
    for (const fields of [
      {},
      { attributes: { locale: 'de-CH' } },
      { organisation: school },
      { organisation: school, attributes: { locale: 'en' } },
      { attributes: { locale: 7, nested: { locale: 'de' } } },
    ])
      subjects.push((await pinFor(fields)).subject);
    expect(subjects).toEqual([
      'Tu código de inicio de sesión',
      'Ihr Anmeldecode',
      'O seu código para entrar',
      'Your sign-in code',
      'Tu código de inicio de sesión',
    ]);
  });

  test('are those of the only organisation that a person is in, and of none for who is in several', async () => {
    const [school, other] = [
      await app.organisation({ settings: { locale: 'pt' } }),
      await app.organisation({ settings: { locale: 'de' } }),
    ];
    await app.load({ kind: 'role', name: 'Reader', permissions: [] });
    const member = async (...organisations: string[]) => {
      const person = await app.person(PIN);
      for (const organisation of organisations)
        await app.load({ kind: 'membership', account: person.id, organisation, role: 'Reader' });
      await app.post('/auth/login', { username: person.username, password: person.password });
      return (await app.mail.next(person.email)).subject;
    };
    expect(await member(school)).toBe('O seu código para entrar');
    expect(await member(school, other)).toBe('Tu código de inicio de sesión');
  });

  test('can be an organisation’s own, or its group’s, from files; names are escaped', async () => {
    const group = await app.organisation();
    const school = await app.organisation({ parent: group });
    mkdirSync(join(folder, group, 'es'), { recursive: true });
    writeFileSync(join(folder, group, 'es', 'sign-in-code.txt'), 'Grupo\n\nHola {name}:\n\n{code}\n');
    const again = await startApp(engine, { LATCHKEY_MAIL_LOCALE: 'es', LATCHKEY_MAIL_TEMPLATES: folder });
    await again.load(
      { kind: 'organisation', id: group, name: 'Group' },
      { kind: 'organisation', id: school, name: 'School', parent: group },
    );
    const name = 'Ada <img src=x>\r\nBcc: eve@example.com';
    const mail = await pinFor({ organisation: school, user: { name } }, again);
    expect(mail.subject).toBe('Grupo');
    expect(mail.text).toMatch(/^Hola Ada <img src=x> Bcc: eve@example\.com:\n\n\d{6}\n/);
    expect(mail.html).toContain('Ada &lt;img src=x&gt;');
    expect(mail.recipients).toHaveLength(1);
    expect(mail.bcc).toBeUndefined();
    expect(mail.to).toHaveLength(1);
    await again.stop();
  });
});
