import { domainToASCII } from 'node:url';

// Letters, marks, digits, hyphens and dots, and nothing else: `domainToASCII` reads the host of a URL, so it ends at `/`, `?`
// or `#`, and decodes what is in percent signs.
const DOMAIN = /^[\p{L}\p{M}\p{Nd}.-]+$/u;

/** An address of IPv4, which it makes of any domain that ends in a number. */
const IPV4 = /(?:^|\.)\d+\.?$/;

/**
 * The domain of an e-mail address in its ASCII form, which is where mail for it goes. Never folded as names are: `ß` and `ss`
 * are two domains, and may be two people's. Null for what can be none.
 */
export function asciiDomain(domain: string): string | null {
  if (!DOMAIN.test(domain)) return null;
  const ascii = domainToASCII(domain);
  return ascii === '' || IPV4.test(ascii) ? null : ascii;
}
