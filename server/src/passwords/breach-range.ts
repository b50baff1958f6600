import { reasonOf } from '../outbound.ts';
import type { Clock, Log } from '../ports.ts';

/** What became of the questions to the range service: for metrics. */
export interface RangeCounts {
  /** Questions that went out. */
  asked: number;
  /** Questions that were answered from memory. */
  remembered: number;
  /** Questions without an answer: the password was taken all the same. */
  failed: number;
}

/** Asks a range service whether passwords are known to be breached. */
export interface BreachRange {
  readonly counts: Readonly<RangeCounts>;
  /**
   * Whether the service knows a hash, given as 40 upper-case hexadecimal digits. When it does not answer, it does not.
   * @param requestId of the request that asks, for the log
   */
  has(sha1: string, requestId?: string): Promise<boolean>;
}

const PREFIX_DIGITS = 5;
const TIMEOUT_MILLISECONDS = 2000;

/** A padded answer has about a thousand lines of some forty characters. */
const ANSWER_BYTES = 256 * 1024;

const REMEMBERED_RANGES = 64;
const REMEMBERED_MILLISECONDS = 3_600_000;

/**
 * The range search of Have I Been Pwned (k-anonymity): the service learns five digits of the SHA-1, and answers with the rest
 * of every hash that begins so, filled up with lines that count nothing so that the length of the answer tells nothing
 * either. It fails open: whoever can keep the service from answering must not be able to keep people from setting passwords.
 * @param url the service's address, to which the five digits are added
 */
export function createBreachRange(url: string, clock: Clock, log: Log): BreachRange {
  const counts: RangeCounts = { asked: 0, remembered: 0, failed: 0 };
  const remembered = new Map<string, { readonly answer: Promise<string>; readonly until: number }>();

  function rangeOf(prefix: string): Promise<string> {
    const known = remembered.get(prefix);
    if (known !== undefined && known.until > clock.now()) {
      counts.remembered += 1;
      return known.answer;
    }
    counts.asked += 1;
    const answer = ask(url, prefix);
    remembered.delete(prefix);
    remembered.set(prefix, { answer, until: clock.now() + REMEMBERED_MILLISECONDS });
    answer.catch(() => remembered.delete(prefix));
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size > REMEMBERED_RANGES) remembered.delete(oldest);
    return answer;
  }

  return {
    counts,
    async has(sha1, requestId) {
      try {
        return knows(await rangeOf(sha1.slice(0, PREFIX_DIGITS)), sha1.slice(PREFIX_DIGITS));
      } catch (error) {
        counts.failed += 1;
        log.warn(
          { requestId, error: reasonOf(error as Error), failed: counts.failed },
          'a password was not looked up among the breached ones',
        );
        return false;
      }
    },
  };
}

/** Lines are the rest of a hash, a colon and how often it was seen; those that only pad were seen 0 times. */
function knows(range: string, suffix: string): boolean {
  const at = range.toUpperCase().indexOf(`${suffix}:`);
  return at >= 0 && Number.parseInt(range.slice(at + suffix.length + 1), 10) > 0;
}

async function ask(url: string, prefix: string): Promise<string> {
  const response = await fetch(`${url.replace(/\/+$/, '')}/${prefix}`, {
    headers: { 'Add-Padding': 'true', 'User-Agent': 'latchkey' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the service answered ${response.status}`);
  }
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body) {
    bytes += piece.byteLength;
    if (bytes > ANSWER_BYTES) throw new Error('the service’s answer is too long');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('latin1');
}
