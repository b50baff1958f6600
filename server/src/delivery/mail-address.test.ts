import fc from 'fast-check';
import { createTransport } from 'nodemailer';
import { describe, expect, test } from 'vitest';
import { canonicalName } from '../accounts/identifier.ts';
import { isMailAddress } from './mail-address.ts';

const PIECES = [
  ...'abz019.-@/#?%:&=_',
  ...['%61', '%2e', 'xn--', '0x', '127.', 'example', '.com'],
  ...['ä', 'Ä', 'ß', 'ẞ', 'ı', 'İ', 'ς', 'σ', 'Σ', 'ϲ', 'ſ', 'ⅷ', 'ａ', 'भा', 'é', 'e\u0301', '\ufe0f'],
  ...['．', '。', '＠', '／', '㎡', '℀', '\u00ad', '\u200d'],
];

const domains = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: fc.constantFrom(...PIECES), minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.domain() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }) },
);
const ASCII = /^\p{ASCII}+$/u;

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

describe('IN-1: what an address is compared by is where its mail goes', () => {
  const transport = createTransport({ jsonTransport: true });

  test('for every address that mail can be sent to', async () => {
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(domains, async (domain) => {
        const address = `ceo@${domain}`;
        if (!isMailAddress(address)) return;
        seen += 1;
        const { envelope } = await transport.sendMail({ to: { name: '', address }, text: '' });
        expect(canonicalName(address)).toBe(envelope.to[0]);
      }),
      { numRuns: 3000 },
    );
    expect(seen).toBeGreaterThan(300);
  });

  test('label by label, as it was given but for its case and the ASCII form of what is international', () => {
    fc.assert(
      fc.property(domains, (domain) => {
        fc.pre(isMailAddress(`ceo@${domain}`));
        const labels = domain.split('.');
        const compared = domainOf(canonicalName(`ceo@${domain}`) ?? '').split('.');
        expect(compared).toHaveLength(labels.length);
        for (const [at, label] of labels.entries())
          if (ASCII.test(label)) expect(compared[at]).toBe(label.toLowerCase());
          else expect(compared[at]).toMatch(/^[a-z0-9-]*$/);
      }),
      { numRuns: 3000 },
    );
  });
});
