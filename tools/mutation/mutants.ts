import { createHash } from 'node:crypto';
import { Instrumenter } from '@stryker-mutator/instrumenter';

// Which mutants there are. Stryker's instrumenter writes all of them into the sources at once, each behind a switch.

/** The folders below `server/src` that are mutated. */
export const MUTATED = ['sign-in', 'sessions', 'tokens', 'factors'] as const;

/** One change to one place of the sources. */
export interface Mutant {
  /** What switches it on, in sources that were instrumented together. */
  readonly id: string;
  /** The same for as long as its file is the same: what is known of it is kept under this. */
  readonly key: string;
  /** From the root. */
  readonly file: string;
  readonly folder: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** The kind of change. */
  readonly mutator: string;
  /** What stood there, and what stands there instead. */
  readonly original: string;
  readonly replacement: string;
  /** Why it is not tried; null when it is. */
  readonly ignored: string | null;
}

/** A source file, by its path from the root. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Sources with every mutant in them, each switched off. */
export interface Instrumented {
  readonly mutants: readonly Mutant[];
  readonly sources: readonly Source[];
}

/** Puts every mutant into these sources. */
export async function instrument(sources: readonly Source[]): Promise<Instrumented> {
  const files = sources.map(({ path, text }) => ({ name: path, content: text, mutate: true }));
  const options = { plugins: null, excludedMutations: [], ignorers: [{ shouldIgnore: reasonToIgnore }] };
  const result = await new Instrumenter(SILENT).instrument(files, options);
  const texts = new Map(sources.map(({ path, text }) => [path, text]));
  return {
    sources: result.files.map(({ name, content }) => ({ path: name, text: content })),
    mutants: result.mutants.map((mutant) => {
      const { id, fileName: file, mutatorName: mutator, replacement, statusReason } = mutant;
      const { start, end } = mutant.location;
      const text = texts.get(file) ?? '';
      const place = `${start.line}:${start.column}-${end.line}:${end.column}`;
      return {
        id,
        key: shortHash(file, text, place, mutator, replacement),
        file,
        folder: file.split('/').at(-2) ?? '',
        line: start.line + 1,
        column: start.column + 1,
        mutator,
        original: text.slice(offsetOf(text, start), offsetOf(text, end)),
        replacement,
        ignored: mutant.status === 'Ignored' ? (statusReason ?? 'no reason') : null,
      };
    }),
  };
}

/** Sixteen hexadecimal digits for these texts. */
export function shortHash(...texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16);
}

function offsetOf(text: string, { line, column }: { line: number; column: number }): number {
  const before = text.split('\n').slice(0, line);
  return before.reduce((sum, { length }) => sum + length + 1, 0) + column;
}

/** What of a syntax tree's node is looked at here. */
interface Place {
  readonly node?: { readonly type: string; readonly callee?: unknown };
  readonly parentPath?: Place | null;
}

/** Words that are for people to read, in a fault or in a line of the log: no test should hold them to the letter. */
function reasonToIgnore(path: object): string | undefined {
  const { node, parentPath } = path as Place;
  if (node?.type !== 'StringLiteral' && node?.type !== 'TemplateLiteral') return undefined;
  const parent = parentPath?.node;
  if (parent?.type === 'NewExpression' && parentPath?.parentPath?.node?.type === 'ThrowStatement')
    return 'the words of a fault';
  if (parent?.type === 'CallExpression' && isLogMethod(parent.callee))
    return 'the words of a line of the log';
  return undefined;
}

function isLogMethod(callee: unknown): boolean {
  const { object, property } = callee as {
    object?: { name?: string; property?: { name?: string } };
    property?: { name?: string };
  };
  const owner = object?.property?.name ?? object?.name;
  return owner === 'log' && ['debug', 'info', 'warn', 'error', 'fatal'].includes(property?.name ?? '');
}

const nothing = () => undefined;
const never = () => false;

/** What the instrumenter has to say is of no use here: what it cannot parse, it throws. */
const SILENT = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  isTraceEnabled: never,
  isDebugEnabled: never,
  isInfoEnabled: never,
  isWarnEnabled: never,
  isErrorEnabled: never,
  isFatalEnabled: never,
};
