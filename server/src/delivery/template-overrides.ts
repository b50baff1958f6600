import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Message } from './message.ts';
import { CODE_LINE, MESSAGE_KINDS, PLACEHOLDER, placeholdersOf, type Template } from './template.ts';

/** The operator's own words. `owner` is an organisation's id, or `default`. */
export interface TemplateOverrides {
  mail(owner: string, locale: string, kind: Message['kind']): Template | undefined;
  /** Of a text message: one line. */
  sms(owner: string, locale: string, kind: Message['kind']): string | undefined;
  /** The languages that there is anything in. */
  readonly locales: ReadonlySet<string>;
}

/** None at all. */
export const NO_OVERRIDES: TemplateOverrides = {
  mail: () => undefined,
  sms: () => undefined,
  locales: new Set(),
};

const OWNER = /^(default|[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})$/;
const LARGEST_BYTES = 65_536;
const MAIL_SUFFIX = '.txt';
const SMS_SUFFIX = '.sms.txt';

/**
 * Reads a folder of templates, `<organisation or "default">/<locale>/<kind>.txt`: the subject, an empty line, the text.
 * `<kind>.sms.txt` is the one line of a text message. What begins with a dot is passed over.
 * @returns the templates, and every mistake in them with its file and line
 */
export function readTemplateOverrides(folder: string): { overrides: TemplateOverrides; problems: string[] } {
  const problems: string[] = [];
  const mails = new Map<string, Template>();
  const texts = new Map<string, string>();
  const locales = new Set<string>();
  for (const { path, owner, locale, name } of templateFiles(folder, problems)) {
    const isSms = name.endsWith(SMS_SUFFIX);
    const kind = kindOf(name.slice(0, -(isSms ? SMS_SUFFIX : MAIL_SUFFIX).length));
    if (kind === undefined) {
      problems.push(`${path}: is no kind of message; there are ${MESSAGE_KINDS.join(', ')}`);
      continue;
    }
    const text = readText(join(folder, path), path, problems);
    if (text === null) continue;
    const found = isSms ? smsMistakes(text, kind) : mailMistakes(text, kind);
    problems.push(...found.map(({ line, mistake }) => `${path}:${line}: ${mistake}`));
    const key = `${owner}/${locale}/${kind}`;
    const [subject = '', , ...lines] = text;
    if (isSms) texts.set(key, subject);
    else mails.set(key, { subject, lines });
    locales.add(locale);
  }
  const overrides: TemplateOverrides = {
    mail: (owner, locale, kind) => mails.get(`${owner}/${locale}/${kind}`),
    sms: (owner, locale, kind) => texts.get(`${owner}/${locale}/${kind}`),
    locales,
  };
  return { overrides, problems };
}

function kindOf(name: string): Message['kind'] | undefined {
  return MESSAGE_KINDS.find((kind) => kind === name);
}

interface TemplateFile {
  /** Below the folder. */
  readonly path: string;
  readonly owner: string;
  readonly locale: string;
  readonly name: string;
}

function templateFiles(folder: string, problems: string[]): TemplateFile[] {
  const files: TemplateFile[] = [];
  for (const owner of entries(folder, '', problems)) {
    if (!OWNER.test(owner)) {
      problems.push(`${owner}: is neither an organisation’s id nor \`default\``);
      continue;
    }
    for (const tag of entries(folder, owner, problems)) {
      const locale = canonicalLocale(tag);
      if (locale === null) {
        problems.push(`${owner}/${tag}: is no language tag, such as \`pt-BR\``);
        continue;
      }
      for (const name of entries(folder, join(owner, tag), problems)) {
        const path = join(owner, tag, name);
        if (name.endsWith(MAIL_SUFFIX)) files.push({ path, owner, locale, name });
        else problems.push(`${path}: is no template: their names end in .txt`);
      }
    }
  }
  return files;
}

function entries(folder: string, path: string, problems: string[]): string[] {
  try {
    return readdirSync(join(folder, path))
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch (error) {
    problems.push(`${path === '' ? folder : path}: cannot be read: ${(error as Error).message}`);
    return [];
  }
}

function canonicalLocale(tag: string): string | null {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? null;
  } catch {
    return null;
  }
}

/** The lines of a file, without the empty ones at its end; null when it cannot be read. */
function readText(file: string, path: string, problems: string[]): string[] | null {
  try {
    if (statSync(file).size > LARGEST_BYTES) {
      problems.push(`${path}: is larger than ${LARGEST_BYTES / 1024} KiB`);
      return null;
    }
    // The decoder also takes a byte order mark away.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
    return text.trimEnd().split(/\r?\n/);
  } catch (error) {
    problems.push(`${path}: cannot be read: ${(error as Error).message}`);
    return null;
  }
}

interface Mistake {
  readonly line: number;
  readonly mistake: string;
}

function mailMistakes(lines: readonly string[], kind: Message['kind']): Mistake[] {
  const [subject = '', separator = ''] = lines;
  const mistakes = placeholderMistakes(lines, kind);
  if (subject.trim() === '') mistakes.push({ line: 1, mistake: 'the subject is missing' });
  if (subject.includes(CODE_LINE))
    mistakes.push({ line: 1, mistake: 'a subject may not hold {code}: it is shown on locked screens' });
  if (separator.trim() !== '')
    mistakes.push({ line: 2, mistake: 'must be empty: it parts the subject from the text' });
  if (lines.length < 3) mistakes.push({ line: lines.length, mistake: 'the text is missing' });
  const holding = lines.flatMap((text, index) => (text.includes(CODE_LINE) && index > 0 ? [index + 1] : []));
  for (const line of holding)
    if (lines[line - 1]?.trim() !== CODE_LINE)
      mistakes.push({ line, mistake: '{code} must be alone on its line' });
  mistakes.push(...codeCountMistakes(holding, lines.length, kind));
  return mistakes.sort((left, right) => left.line - right.line);
}

function smsMistakes(lines: readonly string[], kind: Message['kind']): Mistake[] {
  const mistakes = placeholderMistakes(lines, kind);
  if (!placeholdersOf(kind).includes('code'))
    return [{ line: 1, mistake: `${kind} is not sent as a text message: only codes are` }];
  if (lines.length > 1) mistakes.push({ line: 2, mistake: 'a text message is one line' });
  const holding = (lines[0] ?? '')
    .split(CODE_LINE)
    .slice(1)
    .map(() => 1);
  return [...mistakes, ...codeCountMistakes(holding, 1, kind)];
}

function codeCountMistakes(holding: readonly number[], last: number, kind: Message['kind']): Mistake[] {
  if (!placeholdersOf(kind).includes('code')) return [];
  const [, second] = holding;
  if (second !== undefined) return [{ line: second, mistake: '{code} is there already' }];
  return holding.length === 0 ? [{ line: last, mistake: '{code} is missing' }] : [];
}

function placeholderMistakes(lines: readonly string[], kind: Message['kind']): Mistake[] {
  const known = placeholdersOf(kind);
  const listed = known.map((name) => `{${name}}`).join(', ');
  return lines.flatMap((text, index) => [
    ...[...text.matchAll(PLACEHOLDER)]
      .filter(([, name = '']) => !known.includes(name))
      .map(([whole]) => ({
        line: index + 1,
        mistake: `${whole} is no placeholder of ${kind}; there are ${listed}`,
      })),
    ...(/\d{6}/.test(text)
      ? [{ line: index + 1, mistake: 'six digits in a row would be taken for a code' }]
      : []),
  ]);
}
