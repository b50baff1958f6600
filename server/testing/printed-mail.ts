/** The mails that `mail.url` `console:` prints to stderr, read as a developer reads them. */
export interface PrintedMail {
  /** The code in the next mail to an address that has one: six digits, or one that stands alone on a line. Waits for it. */
  code(address: string): Promise<string>;
  /** How many codes were mailed to these addresses that nobody has taken. */
  left(addresses: readonly string[]): number;
  /** Lets stderr be. */
  stop(): void;
}

const WAIT_MILLISECONDS = 30_000;
const HEAD = /^\nmail to (\S+): /;
const CODE = /\b\d{6}\b|^ *[\w-]{43}$/m;

/**
 * Takes what is printed from now on: printing costs far less than a mail server, where there are ten thousands of mails. A mail
 * that a server hands over once more, since it does not know whether another has, is read once, as mail stores show it.
 */
export function readPrintedMail(): PrintedMail {
  const codes = new Map<string, string[]>();
  const waiting = new Map<string, () => void>();
  const last = new Map<string, string>();
  const write = process.stderr.write;

  process.stderr.write = ((text: string | Uint8Array, ...rest: []) => {
    const printed = String(text);
    const address = HEAD.exec(printed)?.[1];
    if (address === undefined) return write.call(process.stderr, text, ...rest);
    const code = CODE.exec(printed)?.[0].trim();
    if (code === undefined || last.get(address) === printed) return true;
    last.set(address, printed);
    codes.set(address, [...(codes.get(address) ?? []), code]);
    waiting.get(address)?.();
    return true;
  }) as typeof process.stderr.write;

  return {
    async code(address) {
      for (;;) {
        const code = codes.get(address)?.shift();
        if (code !== undefined) return code;
        await new Promise<void>((resolve, reject) => {
          const late = () => reject(new Error(`no code was mailed to ${address} in ${WAIT_MILLISECONDS} ms`));
          const timer = setTimeout(late, WAIT_MILLISECONDS);
          waiting.set(address, () => {
            clearTimeout(timer);
            resolve();
          });
        });
        waiting.delete(address);
      }
    },
    left: (addresses) => addresses.reduce((sum, address) => sum + (codes.get(address)?.length ?? 0), 0),
    stop() {
      process.stderr.write = write;
    },
  };
}
