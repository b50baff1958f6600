import type { Message } from './message.ts';
import type { WrittenTemplate } from './templates/locale-templates.ts';

/** A mail, worded. */
export interface WordedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** The words of a mail, line by line. Placeholders stand in braces. */
export interface Template {
  readonly subject: string;
  readonly lines: readonly string[];
}

const CODE = ['code', 'time'] as const;
const NOTICE = ['time'] as const;

/** What each kind of message can say, beside `{service}` and `{name}`, which all can. */
const PLACEHOLDERS: Readonly<Record<Message['kind'], readonly string[]>> = {
  'sign-in-code': CODE,
  'device-code': CODE,
  'address-code': CODE,
  'sign-up-code': CODE,
  'validation-code': CODE,
  'reset-code': CODE,
  'account-locked': [...NOTICE, 'failures'],
  'signed-in-after-failures': [...NOTICE, 'failures'],
  'sign-up-known': NOTICE,
  'password-changed': NOTICE,
  'factor-added': [...NOTICE, 'factor'],
  'factor-removed': [...NOTICE, 'factor'],
  'recovery-code-used': [...NOTICE, 'left'],
  'email-changed': NOTICE,
  'phone-changed': NOTICE,
  'new-device': [...NOTICE, 'device', 'where'],
};

/** Every kind of message. */
export const MESSAGE_KINDS = Object.keys(PLACEHOLDERS) as readonly Message['kind'][];

/** The placeholders that a kind's template may have, without their braces. */
export function placeholdersOf(kind: Message['kind']): readonly string[] {
  return [...PLACEHOLDERS[kind], 'service', 'name'];
}

/** A placeholder, and anything that looks as if it were to be one. */
export const PLACEHOLDER = /\{([^{}]*)\}/g;

/** What stands for the code: alone on its line. */
export const CODE_LINE = '{code}';

/** The template that words in paragraphs are. */
export function templateOf({ subject, paragraphs }: WrittenTemplate): Template {
  return { subject, lines: paragraphs.join('\n\n').split('\n') };
}

/** Words a mail: as text, and as HTML that is made from it and says the same. @param language for the HTML, BCP 47 */
export function wordMail(
  template: Template,
  values: Readonly<Record<string, string>>,
  language: string,
): WordedMail {
  const subject = fill(template.subject, values);
  const lines = template.lines.map((line) => ({
    text: fill(line, values),
    isCode: line.trim() === CODE_LINE,
  }));
  const title = escapeHtml(subject);
  const head = `<head><meta charset="utf-8"><title>${title}</title></head>`;
  return {
    subject,
    text: `${lines.map(({ text, isCode }) => (isCode ? text.trim() : text)).join('\n')}\n`,
    html: `<!doctype html><html lang="${escapeHtml(language)}">${head}<body>${htmlOf(lines)}</body></html>`,
  };
}

/** Puts values in the place of placeholders. */
export function fill(line: string, values: Readonly<Record<string, string>>): string {
  return line.replace(PLACEHOLDER, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? '') : whole,
  );
}

/**
 * A value from outside as it may stand in a message: on its line, and without anything that could be taken for a code of six
 * digits.
 */
export function harmless(value: string): string {
  return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replace(/(\d{5})\d+/g, '$1…');
}

interface Line {
  readonly text: string;
  readonly isCode: boolean;
}

/** Lines that follow each other are a paragraph; a code is one by itself. */
function htmlOf(lines: readonly Line[]): string {
  const blocks: string[] = [];
  let paragraph: string[] = [];
  const end = (): void => {
    if (paragraph.length > 0) blocks.push(`<p>${paragraph.join('<br>')}</p>`);
    paragraph = [];
  };
  for (const { text, isCode } of lines) {
    if (isCode || text.trim() === '') end();
    if (isCode)
      blocks.push(`<p style="font:bold 2em monospace;letter-spacing:.2em">${escapeHtml(text.trim())}</p>`);
    else if (text.trim() !== '') paragraph.push(escapeHtml(text));
  }
  end();
  return blocks.join('');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
