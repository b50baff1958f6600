import { reasonOf } from '../outbound.ts';

/** A text that is ready to go. */
export interface AddressedText {
  /** E.164: `+` and digits. */
  readonly to: string;
  readonly text: string;
}

/** What hands text messages over. */
export interface SmsTransport {
  /** Resolves when the text was taken over by somebody else; rejects when it was not, or nobody can say. */
  send(message: AddressedText, id: string): Promise<void>;

  /** What the provider answers to somebody who sends nothing: an HTTP status. Rejects when it cannot be reached. */
  check(): Promise<number | null>;
}

/** Where text messages go: the settings of `sms`. */
export interface SmsSettings {
  /** `console:`, or the http or https address of a provider. */
  readonly url: string;
  readonly from: string;
  /** Sent as a bearer token; none is sent without it. */
  readonly token?: string;
}

const ANSWER_MILLISECONDS = 10_000;

/**
 * The transport for `sms.url`: a provider that takes JSON by HTTP, or `console:`, which prints to stderr.
 * @param answerMilliseconds how long a provider is waited for
 */
export function createSmsTransport(
  settings: SmsSettings,
  answerMilliseconds: number = ANSWER_MILLISECONDS,
): SmsTransport {
  return settings.url === 'console:' ? consoleTransport() : httpTransport(settings, answerMilliseconds);
}

function consoleTransport(): SmsTransport {
  return {
    async send({ to, text }) {
      process.stderr.write(`\ntext message to ${to}: ${text}\n\n`);
    },
    check: async () => null,
  };
}

/** What a provider answers is never logged: it may repeat what it was sent. */
function httpTransport({ url, from, token }: SmsSettings, answerMilliseconds: number): SmsTransport {
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };

  /** A redirect is not followed: the token and the code are for this address only. */
  async function ask(init: RequestInit): Promise<number> {
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.timeout(answerMilliseconds),
    }).catch((error: Error) => {
      throw new Error(`the provider does not answer: ${reasonOf(error)}`);
    });
    await response.body?.cancel();
    return response.status;
  }

  return {
    async send({ to, text }, id) {
      const status = await ask({
        method: 'POST',
        // A repeated hand-over has the same key, by which a provider can send it once.
        headers: { 'content-type': 'application/json', 'idempotency-key': id, ...authorization },
        body: JSON.stringify({ to, from, text }),
      });
      if (status < 200 || status > 299) throw new Error(`the provider answered ${status}`);
    },
    check: () => ask({ method: 'HEAD', headers: authorization }),
  };
}
