import { type Check, isTest } from './source-files.ts';

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = /(^|[/-])(util|utils|helper|helpers|common|manager|misc|shared|lib)([-./]|$)/;

/** A text that stands in one place only, and where. */
interface Placed {
  readonly what: string;
  readonly pattern: RegExp;
  readonly places: readonly RegExp[];
}

const PLACED: readonly Placed[] = [
  {
    what: 'SQL',
    pattern: /\b(SELECT\s[\s\S]{0,200}?\sFROM\s|INSERT INTO\s|DELETE FROM\s|UPDATE\s+\S+\s+SET\s)/,
    places: [/^store\//],
  },
  // What is prepared on PostgreSQL fails from the moment in which a migration adds a column to what it names none of.
  { what: 'all columns, without their names,', pattern: /\b(SELECT|RETURNING) \*/, places: [] },
  { what: 'the environment', pattern: /\bprocess\.env\b/, places: [/^config\.ts$/, /^cli\/workers\.ts$/] },
  {
    what: 'the wall clock',
    pattern: /\b(Date\.now\(\)|new Date\(\))/,
    places: [/^ports\.ts$/, /^store\/sqlite\/engine\.ts$/],
  },
  { what: 'guessable randomness', pattern: /\bMath\.random\b/, places: [] },
  // The three primitives: nothing else spends or counts.
  { what: 'spending a ticket', pattern: /\bSET\s[^`]*\bconsumed_at\s*=/, places: [/^store\/consume\.ts$/] },
  { what: 'spending a time step', pattern: /\bSET\s[^`]*\btotp_step\s*=/, places: [/^store\/consume\.ts$/] },
  {
    what: 'spending a challenge',
    pattern: /\bINSERT INTO spent_challenges\b/,
    places: [/^store\/consume\.ts$/],
  },
  { what: 'spending a use', pattern: /\bSET\s[^`]*\buses\s*=/, places: [/^store\/consume\.ts$/] },
  {
    what: 'rotating a refresh token',
    pattern: /\bSET\s[^`]*\bcounter\s*=/,
    places: [/^store\/consume\.ts$/],
  },
  {
    what: 'counting attempts',
    pattern: /\bSET\s[^`]*\b(attempts|failures|in_flight|streak)\s*=/,
    places: [/^store\/count-attempt\.ts$/],
  },
  {
    what: 'counting what is sent',
    pattern: /\bSET\s[^`]*\b(sent|withheld)\s*=/,
    places: [/^store\/sending-budget\.ts$/],
  },
  {
    what: 'minting a session',
    pattern: /\binsertSession\(/,
    places: [/^sign-in\/issue\.ts$/, /^store\/sessions\.ts$/],
  },
];

/** Rules for the server's sources that no linter knows: how deep they lie, and what stands in one place only. */
export const houseRules: Check = (files) =>
  files.flatMap(({ path, text }) => {
    const problems: string[] = [];
    if (!/^([a-z0-9-]+\/){0,2}[a-z0-9-]+(\.test|\.suite|\.d)?\.ts$/.test(path))
      problems.push('is not a kebab-case name at most two folders deep');
    for (const { what, pattern, places } of isTest(path) ? [] : PLACED) {
      if (pattern.test(text) && !places.some((place) => place.test(path)))
        problems.push(`${what} has no place here`);
    }
    return problems.map((problem) => `${path}: ${problem}`);
  });

/** Rules for every source, wherever it is: files have names that say something, exported names have comments. */
export const namingRules: Check = (files) =>
  files.flatMap(({ path, text }) => [
    ...(EMPTY_NAMES.test(path) ? [`${path}: has a name that says nothing`] : []),
    ...(isTest(path) ? [] : undocumented(text).map((problem) => `${path}: ${problem}`)),
  ]);

/** Exported names without a comment above them. */
function undocumented(text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const name =
      /^export (?:default )?(?:declare )?(?:async )?(?:abstract )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/.exec(
        line,
      )?.[1];
    if (name === undefined) return [];
    return lines[index - 1]?.trimEnd().endsWith('*/')
      ? []
      : [`${name} is exported without a comment that says what it is for`];
  });
}
