import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { HIDDEN, SAMPLE_OUTCOMES } from '../../testing/outcomes.ts';
import {
  type Contract,
  type Endpoint,
  FAULT_STATUS,
  type Fault,
  REPEATED,
  type Reply,
  type Wire,
  type WireRequest,
} from './contract.ts';

/** A request as a vector has it, and what it is decoded to. */
interface RequestVector {
  readonly name: string;
  readonly endpoint: string;
  /** A list is a header that came more than once. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly bearer?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly decoded: unknown;
}

const WIRE: Wire = { requestId: '0123456789abcdef', echo: { pin: '123456' } };

/**
 * What holds for every contract: it has words for every outcome and fault, shows no secret, describes what it answers,
 * decodes whatever comes without a fault, and does all that as its recorded vectors say.
 * @param folder where the contract's `vectors/` are: `requests.json` is written by hand, `replies.json` by a run with `-u`
 */
export function contractSuite(contract: Contract, folder: URL): void {
  const encode = (name: string): Reply | 'never spoken' => {
    const outcome = SAMPLE_OUTCOMES[name];
    if (!outcome) throw new Error(`there is no sample outcome ${name}`);
    try {
      return (contract.encode[outcome.kind] as (given: typeof outcome, wire: Wire) => Reply)(outcome, WIRE);
    } catch {
      return 'never spoken';
    }
  };
  const replies = Object.fromEntries(Object.keys(SAMPLE_OUTCOMES).map((name) => [name, encode(name)]));

  test('words every outcome as it is recorded', async () => {
    const faults = Object.fromEntries(
      (Object.keys(FAULT_STATUS) as Fault[]).map((fault) => [`fault: ${fault}`, contract.fault(fault, WIRE)]),
    );
    const recorded = `${JSON.stringify({ ...replies, ...faults }, null, 2)}\n`;
    await expect(recorded).toMatchFileSnapshot(fileURLToPath(new URL('vectors/replies.json', folder)));
  });

  test('has words for what every door can meet', () => {
    for (const name of [
      'throttled',
      'overloaded',
      ...Object.keys(SAMPLE_OUTCOMES).filter((each) => each.startsWith('refused')),
    ]) {
      expect(replies[name], name).not.toBe('never spoken');
    }
  });

  test('answers every fault with its status', () => {
    for (const fault of Object.keys(FAULT_STATUS) as Fault[]) {
      expect(contract.fault(fault, WIRE).status).toBe(FAULT_STATUS[fault]);
      expect(contract.fault(fault, WIRE).body).not.toBeNull();
    }
  });

  test('puts no claims into tokens but those that it names', () => {
    for (const outcome of Object.values(SAMPLE_OUTCOMES))
      if (outcome.kind === 'signed-in' || outcome.kind === 'refreshed')
        expect(contract.claimNames).toEqual(
          expect.arrayContaining(Object.keys(contract.claims(outcome.principal))),
        );
  });

  test('shows nothing hidden', () => {
    const everything = JSON.stringify(replies);
    for (const hidden of Object.values(HIDDEN)) expect(everything).not.toContain(hidden);
  });

  test('throttles with 429, is overloaded with 503, and refuses with another status than it succeeds with', () => {
    expect(replies.throttled).toMatchObject({ status: 429 });
    expect(replies.overloaded).toMatchObject({ status: 503 });
    for (const [name, reply] of Object.entries(replies))
      if (name.startsWith('refused') && reply !== 'never spoken')
        expect(reply.status).toBeGreaterThanOrEqual(400);
  });

  test('describes every body that it answers with success', () => {
    const described = contract.endpoints.flatMap((endpoint) => Object.entries(endpoint.describe.replies));
    for (const [name, reply] of Object.entries(replies)) {
      if (reply === 'never spoken' || reply.status >= 300) continue;
      const schemas = described.flatMap(([status, schema]) =>
        Number(status) === reply.status ? [schema] : [],
      );
      expect(
        schemas.some((schema) => (schema === null ? reply.body === null : Check(schema, reply.body))),
        `${name} is as one of its endpoints describes`,
      ).toBe(true);
    }
  });

  describe('decodes as it is recorded:', () => {
    const file = fileURLToPath(new URL('vectors/requests.json', folder));
    const vectors = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RequestVector[]) : [];

    test('with a request that is carried out and one that is not, for every endpoint', () => {
      for (const endpoint of contract.endpoints) {
        const own = vectors.filter((vector) => vector.endpoint === nameOf(endpoint));
        expect(
          own.some(({ decoded }) => hasMember(decoded, 'command')),
          nameOf(endpoint),
        ).toBe(true);
        expect(
          own.some(({ decoded }) => !hasMember(decoded, 'command')) ||
            endpoint.accepts.length === 0 ||
            isBodyless(endpoint),
          nameOf(endpoint),
        ).toBe(true);
      }
    });

    for (const vector of vectors) {
      test(`${vector.endpoint}, ${vector.name}`, () => {
        const endpoint = contract.endpoints.find((each) => nameOf(each) === vector.endpoint);
        expect(endpoint?.decode(requestOf(vector))).toEqual(vector.decoded);
      });
    }
  });

  test('decodes whatever comes without a fault, into texts only', () => {
    const names = [
      ...new Set(
        contract.endpoints.flatMap((endpoint) =>
          Object.keys((endpoint.describe.request as { properties?: object } | undefined)?.properties ?? {}),
        ),
      ),
    ];
    const member = fc.constantFrom(...names, 'type', 'data', '__proto__', 'constructor');
    const value = fc.oneof(
      fc.jsonValue(),
      fc.string(),
      fc.constantFrom('a@example.com', 'long enough', 'x'.repeat(40), 'resource', 'email-password'),
    );
    const body = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(member, fc.oneof(value, fc.dictionary(member, value))),
    );
    fc.assert(
      fc.property(body, fc.option(fc.string({ minLength: 1 }), { nil: undefined }), (given, bearer) => {
        for (const endpoint of contract.endpoints) {
          const decoded = endpoint.decode(
            requestOf({
              name: '',
              endpoint: '',
              body: given,
              ...(bearer === undefined ? {} : { bearer }),
              headers: { 'x-fingerprint-id': 'd' },
              decoded: null,
            }),
          );
          expect('command' in decoded || 'reply' in decoded || 'fault' in decoded).toBe(true);
          if ('command' in decoded) expect(onlyPlainValues(decoded.command)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
}

function nameOf(endpoint: Endpoint): string {
  return `${endpoint.method} ${endpoint.path}`;
}

function isBodyless(endpoint: Endpoint): boolean {
  return endpoint.describe.request === undefined;
}

function hasMember(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && name in value;
}

function requestOf(vector: RequestVector): WireRequest {
  return {
    body: vector.body,
    bearer: vector.bearer ?? null,
    header: (name) => {
      const value = vector.headers?.[name] ?? null;
      return value === null || typeof value === 'string' ? value : REPEATED;
    },
    param: (name) => vector.params?.[name] ?? '',
  };
}

/** Texts, nulls, and lists and objects of them: nothing of another type has come in from outside. */
function onlyPlainValues(value: unknown): boolean {
  if (value === null || typeof value === 'string') return true;
  return typeof value === 'object' && Object.values(value).every(onlyPlainValues);
}
