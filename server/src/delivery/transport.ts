import type { MailAddress } from './mail-address.ts';
import type { AddressedMail } from './queue-mail.ts';

/** What hands mails over. */
export interface MailTransport {
  /** Resolves when the mail was taken over by somebody else; rejects when it was not, or nobody can say. */
  send(mail: AddressedMail, id: string): Promise<void>;

  /** Rejects when the server cannot be reached or does not let us in. */
  check(): Promise<void>;

  close(): void;
}

const CONNECT_MILLISECONDS = 10_000;
const SILENCE_MILLISECONDS = 20_000;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

/**
 * The transport for `mail.url`: an SMTP server, or `console:`, which prints to stderr.
 * @param silenceMilliseconds how long a server that says nothing is waited for
 */
export function createMailTransport(
  url: string,
  from: MailAddress,
  silenceMilliseconds: number = SILENCE_MILLISECONDS,
): MailTransport {
  return url === 'console:' ? consoleTransport() : smtpTransport(new URL(url), from, silenceMilliseconds);
}

function consoleTransport(): MailTransport {
  return {
    async send(mail) {
      const body = mail.text.trimEnd().replaceAll('\n', '\n  ');
      process.stderr.write(`\nmail to ${mail.to.address}: ${mail.subject}\n\n  ${body}\n\n`);
    },
    check: async () => undefined,
    close: () => undefined,
  };
}

function smtpTransport(url: URL, from: MailAddress, silenceMilliseconds: number): MailTransport {
  const secure = url.protocol === 'smtps:';
  const options = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 25) : Number(url.port),
    secure,
    ...(url.username === ''
      ? {}
      : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
    // A server on this machine may show any certificate: what it is sent does not leave the machine.
    tls: { rejectUnauthorized: !LOOPBACK.has(url.hostname) },
    connectionTimeout: CONNECT_MILLISECONDS,
    greetingTimeout: CONNECT_MILLISECONDS,
    socketTimeout: silenceMilliseconds,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  // Loaded with the first mail: most starts send none.
  const connect = async () => (await import('nodemailer')).createTransport(options);
  let transport: ReturnType<typeof connect> | undefined;
  const connected = () => (transport ??= connect());
  const domain = from.address.slice(from.address.lastIndexOf('@') + 1);

  return {
    async send(mail, id) {
      // A repeated hand-over has the same Message-ID, by which mail stores show it once.
      await (await connected()).sendMail({
        from: { name: from.name, address: from.address },
        to: { name: mail.to.name, address: mail.to.address },
        messageId: `<${id}@${domain}>`,
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        textEncoding: 'quoted-printable',
      });
    },
    async check() {
      await (await connected()).verify();
    },
    close: () => void transport?.then((made) => made.close()),
  };
}
