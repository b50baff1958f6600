import { asciiDomain } from '../accounts/mail-domain.ts';

/** An address with the name that stands before it. Always handed on as parts, never as one string to be parsed again. */
export interface MailAddress {
  readonly name: string;
  readonly address: string;
}

// One address and nothing else: no list, no comment, no quoted part, no control character, no space.
const ADDRESS = /^[^\s"'(),:;<>@[\]\\\p{Cc}]{1,64}@([^@]{1,189})$/u;

/** Whether a text is one plain e-mail address that mail can be sent to. */
export function isMailAddress(text: string): boolean {
  const domain = ADDRESS.exec(text)?.[1];
  return domain !== undefined && asciiDomain(domain) !== null;
}

/** Reads `Name <address>` or a bare address. Null for anything else. */
export function parseMailAddress(text: string): MailAddress | null {
  const match = /^\s*"?([^"<>\p{Cc}]*?)"?\s*<([^<>]+)>\s*$/u.exec(text);
  const [name, address] = match ? [match[1] ?? '', match[2] ?? ''] : ['', text.trim()];
  return isMailAddress(address) ? { name, address } : null;
}
