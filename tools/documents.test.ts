import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorkplace, type RunningServer } from '../server/testing/process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe('the README', () => {
  const workplace = makeWorkplace();
  let demo: RunningServer;
  beforeAll(async () => {
    demo = await workplace.serve(['demo']);
  });
  afterAll(async () => {
    await demo.end('SIGTERM');
    workplace.remove();
  });

  const blocks = read('README.md').matchAll(/```sh\n((?:curl .*\n)+)```\n\n```json\n([\s\S]*?)```/g);
  const shown = [...blocks].flatMap(([, lines = '', answer = '']) =>
    lines
      .trim()
      .split('\n')
      .map((line) => ({ line, answer: JSON.parse(answer) as unknown })),
  );

  test('shows the lines that the demo prints, in their order', async () => {
    const printed = () => demo.stdout().match(/^curl .*$/gm) ?? [];
    // They come after the word that it listens.
    await expect
      .poll(() => printed().map((line) => line.replace(demo.url, 'http://127.0.0.1:8080')))
      .toEqual(shown.map(({ line }) => line));
    expect(shown.length).toBeGreaterThanOrEqual(5);
  });

  // In this order, since the answer of one counts the sign-ins before it.
  test('shows what they answer', () => {
    for (const { line, answer } of shown) {
      const said = execFileSync('bash', ['-c', line.replace('http://127.0.0.1:8080', demo.url)], {
        encoding: 'utf8',
      });
      expect(shorten(JSON.parse(said), answer), line).toEqual(answer);
    }
  });
});

/** Cuts each text where the one that is shown in its place is cut, by an ellipsis. */
function shorten(said: unknown, shown: unknown): unknown {
  if (typeof said === 'string' && typeof shown === 'string' && shown.endsWith('…'))
    return `${said.slice(0, shown.length - 1)}…`;
  if (Array.isArray(said)) return said.map((each, index) => shorten(each, (shown as unknown[])?.[index]));
  if (typeof said !== 'object' || said === null) return said;
  return Object.fromEntries(
    Object.entries(said).map(([key, value]) => [
      key,
      shorten(value, (shown as Record<string, unknown>)?.[key]),
    ]),
  );
}

describe('docs/tokens.md', () => {
  const workplace = makeWorkplace({ LATCHKEY_PUBLIC_URL: 'https://id.example.com' });
  let demo: RunningServer;
  beforeAll(async () => {
    demo = await workplace.serve(['demo']);
  });
  afterAll(async () => {
    await demo.end('SIGTERM');
    workplace.remove();
  });

  const post = async (path: string, body: object, headers = {}) => {
    const all = { 'content-type': 'application/json', ...headers };
    const init = { method: 'POST', headers: all, body: JSON.stringify(body) };
    // biome-ignore lint/suspicious/noExplicitAny: replies of every shape
    return (await (await fetch(demo.url + path, init)).json()) as any;
  };
  const password = 'correct horse battery staple';
  const email = 'ada@example.com';

  /** How the token of each section comes about. */
  const TOKENS: Readonly<Record<string, () => Promise<string>>> = {
    fingerprint: async () =>
      (await post('/identity/sign-in', { username: 'ada', password }, { 'x-fingerprint-id': 'd' })).data
        .token,
    profile: async () => (await post('/api/v1/auths/sign-in', { email, password })).accessToken,
    'role-picker': async () => {
      const finn = { identity: 'finn', password: 'the university password' };
      const { loginToken } = (await post('/auth/sign-in-verify', finn)).result[0][0];
      return (await post('/auth/sign-in', { is2FAEnabled: false, loginToken })).token;
    },
    'credential-type': async () => {
      const given = { type: 'email-password', data: { email, password } };
      return (await post('/api/v1/auth/sign-in', given)).authorization.token;
    },
    login: async () => (await post('/auth/login', { username: 'ada', password })).access_token,
  };

  const page = read('docs/tokens.md');
  test.each(Object.keys(TOKENS))('shows a token of %s', async (contract) => {
    const section = page.split(/^## /m).find((text) => text.startsWith(`\`${contract}\``)) ?? '';
    const shown = JSON.parse(/```json\n([\s\S]*?)```/.exec(section)?.[1] ?? 'null');
    const payload = (await TOKENS[contract]?.())?.split('.')[1] ?? '';
    const said = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const at = shown.iat - said.iat;
    const moved = { ...said, iat: said.iat + at, exp: said.exp + at };
    // What is different in every token is shown by its beginning.
    expect({ ...moved, sid: shown.sid, jti: shown.jti }).toEqual(shown);
    expect(Object.keys(said)).toEqual(Object.keys(shown));
  });
});

describe('ARCHITECTURE', () => {
  const page = read('ARCHITECTURE.md');
  const tree = /## The tree\n\n```\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const corridor = /## The corridor\n([\s\S]*?)## The tree/.exec(page)?.[1] ?? '';

  test('has a line for every folder, and for every file at the top that has no name of its own', () => {
    const folders = ['', 'server', 'server/src', 'server/src/store', 'tools'].flatMap(foldersIn);
    const files = readdirSync(join(ROOT, 'server/src')).filter((name) => /^[a-z-]+\.ts$/.test(name));
    const left = [...folders, ...files].filter(
      (name) => !tree.includes(name) && !SELF_EVIDENT.includes(name),
    );
    expect(left).toEqual([]);
    expect(tree.length).toBeGreaterThan(1000);
  });

  test('names nothing that is gone', () => {
    const paths = [...page.matchAll(/`([a-z-]+\/[a-z-]+\.ts)`/g)].map(([, path = '']) => path);
    const steps = [...corridor.matchAll(/`([a-z-]+\.ts)`/g)].map(([, name = '']) => name);
    expect(paths.length).toBeGreaterThan(10);
    expect(steps.length).toBeGreaterThan(10);
    const there = (path: string) => existsSync(join(ROOT, 'server/src', path));
    expect(paths.filter((path) => !there(path))).toEqual([]);
    expect(steps.filter((name) => !there(`sign-in/${name}`) && !there(`sessions/${name}`))).toEqual([]);
  });
});

/** Files at the top whose name says it all. */
const SELF_EVIDENT = [
  'errors.ts',
  'log.ts',
  'ports.ts',
  'version.ts',
  'code-points.ts',
  'schema-problems.ts',
];

/** What is made or installed, and so has no place in a description of the sources. */
const NOT_SOURCES = ['node_modules', 'dist', 'data', '.git', '.mutation'];

function foldersIn(path: string): string[] {
  return readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !NOT_SOURCES.includes(entry.name))
    .map((entry) => `${entry.name}/`);
}

function pagesIn(path: string): string[] {
  const here = readdirSync(join(ROOT, path)).filter((name) => name.endsWith('.md'));
  return [
    ...here.map((name) => join(path, name)),
    ...foldersIn(path).flatMap((folder) => pagesIn(join(path, folder))),
  ];
}

describe('every page', () => {
  test.each(pagesIn(''))('%s links to what is there', (page) => {
    const targets = [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)];
    expect(
      targets.filter(([, target = '']) => !existsSync(join(ROOT, dirname(page), target))).map(([all]) => all),
    ).toEqual([]);
  });
});
