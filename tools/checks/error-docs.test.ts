import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { AUDIT_EVENTS } from '../../server/src/audit/event.ts';
import { DECLINES } from '../../server/src/commands/decline.ts';
import { type Contract, FAULT_STATUS, type Fault, type Reply } from '../../server/src/contracts/contract.ts';
import { contracts, nativeContract } from '../../server/src/contracts/index.ts';
import { type Outcome, REFUSALS } from '../../server/src/sign-in/attempt.ts';
import { CREDENTIAL_REFUSALS } from '../../server/src/sign-in/refuse.ts';
import { SAMPLE_OUTCOMES } from '../../server/testing/outcomes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/errors.md');

/** The cells of a section's table, row by row, without the heading. */
function tableUnder(heading: string): string[][] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  return lines.map((line) => line.slice(2, -2).split(' | '));
}

/** What a section's rows are about: the texts in code style at the beginning of each. */
function namesUnder(heading: string): string[] {
  return tableUnder(heading)
    .slice(1)
    .map(([first = '']) => /^`([^`]+)`$/.exec(first)?.[1] ?? `not a name: ${first}`);
}

const FAULTS = Object.keys(FAULT_STATUS) as Fault[];
const LATER = ['throttled', 'overloaded'] satisfies Outcome['kind'][];
const STEPS: Readonly<Record<string, string>> = {
  'second-factor': 'a second factor is due',
  device: 'a device is due',
};

/** Reasons that are no list at run time: found where they are written. */
function refreshReasons(): string[] {
  const standing = read('server/src/sessions/standing.ts').matchAll(/\{ fallen: '([a-z-]+)' \}/g);
  const refresh = read('server/src/sessions/refresh.ts').matchAll(
    /refuseRefresh\([^)]*sessionId, '([a-z-]+)'\)/g,
  );
  const obstacles = membersOf('server/src/store/current-principal.ts', /type SessionObstacle =([^;]*);/);
  const states = membersOf('server/src/sign-in/attempt.ts', /STATE_REFUSALS = \[([^\]]*)\]/);
  const found = [...standing, ...refresh].map(([, reason = '']) => reason);
  return [...new Set([...found, ...obstacles, ...states])];
}

function membersOf(path: string, declaration: RegExp): string[] {
  const text = declaration.exec(read(path))?.[1] ?? '';
  return [...text.matchAll(/'([a-z-]+)'/g)].map(([, member = '']) => member);
}

describe('docs/errors.md names all there is and nothing else:', () => {
  test.each([
    ['Refusals', REFUSALS],
    ['Steps', Object.keys(STEPS)],
    ['True reasons of a refused credential', CREDENTIAL_REFUSALS],
    ['True reasons of a refused refresh', refreshReasons()],
    ['Declines', DECLINES],
    ['Faults', FAULTS],
    ['What each contract answers', [...REFUSALS, ...DECLINES, ...Object.keys(STEPS), ...LATER, ...FAULTS]],
    ['Audit events', AUDIT_EVENTS],
  ])('%s', (heading, members) => {
    expect(members.length).toBeGreaterThan(0);
    expect(namesUnder(heading).sort()).toEqual([...members].sort());
  });

  // A limit has several ways to be reached: a row for each.
  test('Come back later', () => {
    expect([...new Set(namesUnder('Come back later'))].sort()).toEqual([...LATER].sort());
  });

  test('the reasons that are only written down are found', () => {
    expect(refreshReasons()).toEqual(
      expect.arrayContaining([
        'unknown-session',
        'second-factor-missing',
        'membership-removed',
        'account-inactive',
      ]),
    );
  });
});

describe('docs/errors.md says what is so:', () => {
  const all = [...contracts, nativeContract];
  const [heading = [], ...rows] = tableUnder('What each contract answers');

  test('a column for each contract', () => {
    expect(heading.slice(1)).toEqual(all.map(({ name }) => `\`${name}\``));
  });

  test.each(rows)('%s', (first, ...cells) => {
    const name = first.replaceAll('`', '');
    expect(cells.length).toBe(all.length);
    for (const [index, contract] of all.entries()) {
      const reply = replyOf(contract, name);
      const [, status, word] = /^(\d{3}) `(.+)`$/.exec(cells[index] ?? '') ?? [];
      if (reply === null) expect(cells[index], contract.name).toBe('–');
      else {
        expect(Number(status), contract.name).toBe(reply.status);
        expect(wordsOf(reply.body), contract.name).toContain(word);
      }
    }
  });

  test('the status of each fault', () => {
    const shown = tableUnder('Faults')
      .slice(1)
      .map(([name = '', status]) => [name.replaceAll('`', ''), Number(status)]);
    expect(Object.fromEntries(shown)).toEqual(FAULT_STATUS);
  });
});

/** What a contract answers to what a row is about; null where it has no words for it. */
function replyOf(contract: Contract, name: string): Reply | null {
  const wire = { requestId: '0123456789abcdef', echo: {} };
  if (Object.hasOwn(FAULT_STATUS, name)) return contract.fault(name as Fault, wire);
  const outcome =
    SAMPLE_OUTCOMES[STEPS[name] ?? name] ??
    SAMPLE_OUTCOMES[`refused: ${name}`] ??
    SAMPLE_OUTCOMES[`declined: ${name}`];
  if (!outcome) throw new Error(`there is no sample outcome for ${name}`);
  try {
    return (contract.encode[outcome.kind] as (given: Outcome, wire: object) => Reply)(outcome, wire);
  } catch {
    return null;
  }
}

/** Every text in a body, the names of what is true, and the body as a whole. */
function wordsOf(body: unknown): string[] {
  if (typeof body === 'string') return [body];
  if (typeof body !== 'object' || body === null) return [];
  const inside = Object.entries(body).flatMap(([name, value]) => (value === true ? [name] : wordsOf(value)));
  return [...inside, JSON.stringify(body)];
}
