/** What is told by mail. Times are milliseconds since 1970. */
export type Message =
  | { readonly kind: 'sign-in-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'device-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'account-locked'; readonly failures: number; readonly lockedUntil: number };

/** A mail, worded. */
export interface WordedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Words a message, as plain text and as HTML that says the same. No link in it does anything by being opened. */
export function wordMessage(message: Message): WordedMail {
  switch (message.kind) {
    case 'sign-in-code':
      return worded('Your sign-in code', [
        'This is the code for the sign-in that was just begun with your account:',
        { code: message.digits },
        `It can be used once, until ${clockTime(message.expiresAt)}.`,
        'If it was not you, somebody else knows your password: do not give this code to anybody, and change your password.',
      ]);
    case 'device-code':
      return worded('Confirm your new device', [
        'Somebody is signing in to your account from a device that we do not know yet. If it is you, this code confirms it:',
        { code: message.digits },
        `It can be used once, until ${clockTime(message.expiresAt)}.`,
        'If it was not you, somebody else knows your password: do not give this code to anybody, and change your password.',
      ]);
    case 'account-locked':
      return worded('Your account is locked for now', [
        `A wrong password was given for your account ${message.failures} times in a row, so it is locked. Until that ends, no password is even looked at.`,
        `It ends by itself on ${calendarTime(message.lockedUntil)}. Before that, a password reset ends it, or an administrator who unlocks the account.`,
        'If it was not you, there is nothing you need to do: your password was not found.',
      ]);
  }
}

type Paragraph = string | { readonly code: string };

function worded(subject: string, paragraphs: readonly Paragraph[]): WordedMail {
  const text = paragraphs
    .map((paragraph) => (typeof paragraph === 'string' ? paragraph : paragraph.code))
    .join('\n\n');
  const blocks = paragraphs.map((paragraph) =>
    typeof paragraph === 'string'
      ? `<p>${escapeHtml(paragraph)}</p>`
      : `<p style="font:bold 2em monospace;letter-spacing:.2em">${escapeHtml(paragraph.code)}</p>`,
  );
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head><body>${blocks.join('')}</body></html>`;
  return { subject, text: `${text}\n`, html };
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** 14:05 UTC. */
function clockTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(11, 16)} UTC`;
}

/** 22 November 2026, 14:05 UTC. */
function calendarTime(milliseconds: number): string {
  const day = new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  return `${day.format(milliseconds)}, ${clockTime(milliseconds)}`;
}
