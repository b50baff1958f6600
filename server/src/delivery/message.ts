/** What is told by mail. Times are milliseconds since 1970. */
export type Message =
  | { readonly kind: 'sign-in-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'device-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'account-locked'; readonly failures: number; readonly lockedUntil: number }
  /** A code to type that proves an address. */
  | { readonly kind: 'address-code'; readonly digits: string; readonly expiresAt: number }
  | { readonly kind: 'sign-up-code'; readonly digits: string; readonly expiresAt: number }
  /** Somebody began to sign up with the address of an account that is there. */
  | { readonly kind: 'sign-up-known'; readonly at: number }
  /** A code that names its ticket by itself: it is long, and stands alone on its line. */
  | { readonly kind: 'validation-code'; readonly code: string; readonly expiresAt: number }
  | { readonly kind: 'reset-code'; readonly code: string; readonly expiresAt: number }
  | { readonly kind: 'password-changed'; readonly at: number }
  | { readonly kind: 'factor-added'; readonly factor: NamedFactor; readonly at: number }
  | { readonly kind: 'factor-removed'; readonly factor: NamedFactor; readonly at: number }
  | { readonly kind: 'recovery-code-used'; readonly left: number; readonly at: number }
  /** To the address that it was until now. */
  | { readonly kind: 'email-changed'; readonly at: number }
  | { readonly kind: 'phone-changed'; readonly at: number }
  | {
      readonly kind: 'new-device';
      readonly at: number;
      readonly address: string;
      /** In words, where the operator's data knows it. */
      readonly place: string | null;
      /** In words, such as `Chrome on Windows`. */
      readonly userAgent: string | null;
    };

/** What can be added to an account, or removed from it. */
export type NamedFactor = 'totp' | 'email' | 'recovery-codes' | 'passkey';

/** A mail, worded. */
export interface WordedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Words a message, as plain text and as HTML that says the same. No link in it does anything by being opened. */
export function wordMessage(message: Message): WordedMail {
  return 'expiresAt' in message ? wordCode(message) : wordNotice(message);
}

type CodeMessage = Extract<Message, { readonly expiresAt: number }>;

function wordCode(message: CodeMessage): WordedMail {
  const until = `It can be used once, until ${clockTime(message.expiresAt)}.`;
  switch (message.kind) {
    case 'sign-in-code':
      return worded('Your sign-in code', [
        'This is the code for the sign-in that was just begun with your account:',
        { code: message.digits },
        until,
        'If it was not you, somebody else knows your password: do not give this code to anybody, and change your password.',
      ]);
    case 'device-code':
      return worded('Confirm your new device', [
        'Somebody is signing in to your account from a device that we do not know yet. If it is you, this code confirms it:',
        { code: message.digits },
        until,
        'If it was not you, somebody else knows your password: do not give this code to anybody, and change your password.',
      ]);
    case 'address-code':
      return worded('Confirm your address', [
        'This code shows that messages to this address reach you:',
        { code: message.digits },
        until,
        'If you did not ask for it, do nothing: without the code, nothing changes.',
      ]);
    case 'sign-up-code':
      return worded('Finish signing up', [
        'This code completes the account that was just begun with this address:',
        { code: message.digits },
        until,
        'If you did not ask for it, do nothing: without the code, no account is made.',
      ]);
    case 'validation-code':
      return worded('Confirm your account', [
        'This code confirms your account. Type it where you were asked for it, with your password:',
        { code: message.code },
        until,
        'If you did not ask for it, do nothing: without the code, nothing changes.',
      ]);
    case 'reset-code':
      return worded('Set a new password', [
        'Somebody asked for a new password for your account. If it was you, this code sets it:',
        { code: message.code },
        until,
        'If it was not you, do nothing: your password stays as it is. Do not give this code to anybody.',
      ]);
  }
}

const NOT_YOU =
  'If it was not you, somebody else can get into your account: set a new password now, look through your sessions and devices, and tell whoever runs this service.';

const FACTOR_WORDS: Readonly<Record<NamedFactor, string>> = {
  totp: 'an authenticator app',
  email: 'codes by e-mail',
  'recovery-codes': 'a set of recovery codes',
  passkey: 'a passkey',
};

function wordNotice(message: Exclude<Message, CodeMessage>): WordedMail {
  switch (message.kind) {
    case 'account-locked':
      return worded('Your account is locked for now', [
        `A wrong password was given for your account ${message.failures} times in a row, so it is locked. Until that ends, no password is even looked at.`,
        `It ends by itself on ${calendarTime(message.lockedUntil)}. Before that, a password reset ends it, or an administrator who unlocks the account.`,
        'If it was not you, there is nothing you need to do: your password was not found.',
      ]);
    case 'sign-up-known':
      return worded('You have an account already', [
        `On ${calendarTime(message.at)} somebody began to sign up with this address, which has an account already.`,
        'If it was you, sign in, or ask for a new password. If it was not you, there is nothing you need to do.',
      ]);
    case 'password-changed':
      return worded('Your password was changed', [
        `The password of your account was changed on ${calendarTime(message.at)}. Your other sessions have ended.`,
        NOT_YOU,
      ]);
    case 'factor-added':
      return worded('Your second factors have changed', [
        `On ${calendarTime(message.at)}, ${FACTOR_WORDS[message.factor]} was added to your account.`,
        NOT_YOU,
      ]);
    case 'factor-removed':
      return worded('Your second factors have changed', [
        `On ${calendarTime(message.at)}, ${FACTOR_WORDS[message.factor]} was removed from your account.`,
        NOT_YOU,
      ]);
    case 'recovery-code-used':
      return worded('A recovery code was used', [
        `On ${calendarTime(message.at)}, a recovery code was used to sign in to your account. ${message.left} are left.`,
        NOT_YOU,
      ]);
    case 'email-changed':
      return worded('Your e-mail address was changed', [
        `On ${calendarTime(message.at)}, your account was given another e-mail address. Messages go there from now on.`,
        NOT_YOU,
      ]);
    case 'phone-changed':
      return worded('Your phone number was changed', [
        `On ${calendarTime(message.at)}, your account was given another phone number.`,
        NOT_YOU,
      ]);
    case 'new-device':
      return worded('A sign-in from a new device', [
        `Your account was signed in to on ${calendarTime(message.at)} from a device that we had not seen before.`,
        `Device: ${message.userAgent ?? 'unknown'}. Address: ${message.address}${message.place === null ? '' : ` (${message.place})`}.`,
        `If it was you, there is nothing you need to do. ${NOT_YOU}`,
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
