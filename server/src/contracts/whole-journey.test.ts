import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { canaryDirectory, recordCanaries } from '../../testing/canaries.ts';
import { JOURNEY_SETTINGS, travelWell } from '../../testing/canary-journey.ts';
import { DOORS } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { ROUTES } from '../../testing/routes.ts';
import type { AuditRecord } from '../store/audit.ts';

/** An answer, and what was asked for it. */
interface Seen {
  readonly method: string;
  readonly path: string;
  readonly answer: Answer;
}

/** A schema, as far as the bodies of answers go. */
interface Described {
  readonly type?: string;
  readonly anyOf?: readonly Described[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described | readonly Described[];
}

/** What is whatever an operator put there. */
const OPEN = ['result[][].organisation.settings', 'user.stats', 'stats'];

/** Events that no request causes by itself. */
const EVENTS = [
  'sign-in.completed',
  'sign-in.refused',
  'sign-in.step-required',
  'sign-in.choices-offered',
  'code.refused',
  'session.signed-out',
  'session.reused',
  'password.reset-asked',
  'password.reset',
  'validation.asked',
  'factor.added',
  'factor.removed',
  'recovery-code.used',
  'address.code-asked',
  'address.validated',
  'address.changed',
  'sign-up.begun',
  'account.signed-up',
];

// Everything that people do, at every contract, once: what it answers, and what is written down of it.
describe.each(ENGINES)('a journey through everything, on %s', (engine) => {
  let app: TestApp;
  let events: readonly AuditRecord[] = [];
  const seen: Seen[] = [];
  beforeAll(async () => {
    const directory = canaryDirectory();
    app = await startApp(engine, JOURNEY_SETTINGS);
    await app.load(...directory.lines);
    const keep = (method: string, path: string, answer: Answer): Answer => {
      seen.push({ method, path: path.replace(/^\/shared|\?.*$/g, ''), answer });
      return answer;
    };
    const server = recordCanaries(
      {
        url: app.url,
        request: async (method, path, options) =>
          keep(method, path, await app.request(method, path, options)),
        post: async (path, body, headers) => keep('POST', path, await app.post(path, body, headers)),
      },
      directory.secrets,
    );
    await travelWell({
      server,
      directory,
      mail: app.mail,
      storeUrl: app.core.config.store.url,
      now: () => app.core.clock.now(),
      advance: (seconds) => app.core.clock.advance(seconds),
    });
    events = await app.core.store.audit.events({
      afterSequence: 0,
      since: 0,
      accountId: null,
      limit: 10_000,
    });
  }, 120_000);
  afterAll(() => app.stop());

  test('MT-4: no answer has a member that its description lacks', () => {
    const undescribed = seen.flatMap(({ method, path, answer }) => {
      const schema = describedAs(method, path, answer.status);
      return schema === undefined
        ? []
        : membersBeside(schema, answer.body, '').map(
            (member) => `${method} ${path} ${answer.status}: ${member}`,
          );
    });
    expect([...new Set(undescribed)]).toEqual([]);
    // A journey, and not a step.
    const described = seen.filter(({ method, path, answer }) => describedAs(method, path, answer.status));
    expect(new Set(described.map(({ method, path }) => `${method} ${path}`)).size).toBeGreaterThan(25);
  });

  test('LG-2: every step is written down, with when, who, where and why', () => {
    expect([...new Set(events.map(({ event }) => event))]).toEqual(expect.arrayContaining(EVENTS));
    const byClients = events.filter(({ actor }) => actor === 'client');
    expect(byClients.length).toBeGreaterThan(100);
    for (const event of byClients) {
      expect(event, JSON.stringify(event)).toMatchObject({
        at: expect.any(Number),
        mount: expect.stringMatching(/./),
        contract: expect.stringMatching(/./),
        address: '127.0.0.1',
        requestId: expect.stringMatching(/^[0-9a-f]{16}$/),
      });
      if (event.event.endsWith('.refused')) expect(event.reason, JSON.stringify(event)).toMatch(/^[a-z-]+$/);
      if (event.event === 'sign-in.completed')
        expect([event.sessionId, event.detail?.methods]).toEqual([expect.any(String), expect.any(Array)]);
    }
  });
});

/** What an endpoint says it answers with a status; undefined where it says nothing of that, or has no body. */
function describedAs(method: string, path: string, status: number): Described | undefined {
  const route = ROUTES.find(
    ({ method: its, endpoint }) =>
      its === method && new RegExp(`^${endpoint.path.replace(/:\w+/g, '[^/]+')}$`).test(path),
  );
  const replies = (route?.endpoint.describe.replies ?? {}) as Replies;
  // What was begun at a contract is answered as there.
  return route?.name === 'POST /v1/challenges/verify' && status === 200
    ? { anyOf: SIGNED_IN }
    : (replies[status] ?? undefined);
}

type Replies = Readonly<Record<number, Described | null>>;

/** How each contract answers to who has signed in. */
const SIGNED_IN: readonly Described[] = ROUTES.filter(
  ({ name }) => name === 'POST /v1/sign-in' || DOORS.some(({ path }) => name === `POST ${path}`),
).flatMap(({ endpoint }) => (endpoint.describe.replies as Replies)[200] ?? []);

/** The paths of members that a schema does not have. */
function membersBeside(schema: Described, value: unknown, path: string): string[] {
  if (OPEN.includes(path) || typeof value !== 'object' || value === null) return [];
  if (schema.anyOf) {
    const each = schema.anyOf.map((one) => membersBeside(one, value, path));
    return each.sort((one, other) => one.length - other.length)[0] ?? [];
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    return value.flatMap((item, index) => {
      const described = Array.isArray(items) ? items[index] : (items as Described | undefined);
      return described === undefined ? [`${path}[]`] : membersBeside(described, item, `${path}[]`);
    });
  }
  return Object.entries(value).flatMap(([name, member]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const described = schema.properties?.[name];
    return described === undefined ? [here] : membersBeside(described, member, here);
  });
}
