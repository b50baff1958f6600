import { createHash } from 'node:crypto';
import { normalPassword } from '../crypto/password-hash.ts';
import type { Clock, Log } from '../ports.ts';
import { Blocklist } from './blocklist.ts';
import { createBreachRange, type RangeCounts } from './breach-range.ts';
import { openBreachedFile } from './breached-file.ts';
import { hasPasswordLength, type PasswordProblem } from './rules.ts';

/** What passwords are held against beside the list that ships: `passwords` in the configuration. */
export interface PasswordSettings {
  readonly breachCheckUrl?: string | undefined;
  readonly breachedFile?: string | undefined;
}

/** The one rule for every path that sets a password. Its owner closes it. */
export interface PasswordPolicy {
  /**
   * Why a password cannot be set; null when it can. Nothing of it takes longer than a moment on the event loop.
   * @param ownWords what the owner and the organisations are called: `ownWordsOf(account)`
   * @param requestId of the request that sets it, for the log; a command has none
   */
  problemWith(
    password: string,
    ownWords: readonly string[],
    requestId?: string,
  ): Promise<PasswordProblem | null>;

  /** How the questions to the range service ended; null where none is asked. */
  readonly rangeCounts: Readonly<RangeCounts> | null;

  close(): Promise<void>;
}

/** @throws OperatorError when the file of breached passwords cannot be read */
export async function createPasswordPolicy(
  settings: PasswordSettings,
  { clock, log }: { clock: Clock; log: Log },
): Promise<PasswordPolicy> {
  const { breachCheckUrl, breachedFile } = settings;
  const blocklist = new Blocklist();
  const file = breachedFile === undefined ? null : await openBreachedFile(breachedFile);
  const range = breachCheckUrl === undefined ? null : createBreachRange(breachCheckUrl, clock, log);

  async function isBreached(password: string, requestId?: string): Promise<boolean> {
    if (file === null && range === null) return false;
    const sha1 = createHash('sha1').update(normalPassword(password)).digest('hex').toUpperCase();
    return (await file?.has(sha1)) === true || (await range?.has(sha1, requestId)) === true;
  }

  return {
    async problemWith(password, ownWords, requestId) {
      if (!hasPasswordLength(password)) return 'password-length';
      const refused =
        (await blocklist.isGuessable(password, ownWords)) || (await isBreached(password, requestId));
      return refused ? 'password-listed' : null;
    },
    rangeCounts: range?.counts ?? null,
    async close() {
      await Promise.all([blocklist.close(), file?.close()]);
    },
  };
}
