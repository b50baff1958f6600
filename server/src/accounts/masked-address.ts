/** An e-mail address of which its owner can tell which one it is, and nobody else can tell what it is: `a***@example.com`. */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf('@');
  const name = Array.from(address.slice(0, at));
  return `${name.length > 2 ? name[0] : ''}***${address.slice(at)}`;
}
