import { Webhook } from 'standardwebhooks';
import type { AttestedDevice } from '../commands/sign-up.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { reasonOf } from '../outbound.ts';
import type { Clock, Log, Random } from '../ports.ts';

/**
 * Whether a device is what it says. What platforms sign differs and changes (App Attest, Play Integrity): the operator's own
 * verifier looks at it, and Latchkey asks that.
 */
export interface Attestation {
  /**
   * False for a device that was refused, and where nobody could say: it fails closed.
   * @param requestId of the request that shows it, for the log
   */
  isGenuine(device: AttestedDevice, requestId: string): Promise<boolean>;
}

const ANSWER_MILLISECONDS = 5000;

/**
 * Asks the operator's verifier over HTTP, signed by the rules of Standard Webhooks.
 * @param settings `attestation` in the configuration
 * @param answerMilliseconds how long it is waited for
 */
export function createAttestation(
  { url, secret }: { readonly url: string; readonly secret: string },
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
  answerMilliseconds: number = ANSWER_MILLISECONDS,
): Attestation {
  const signer = new Webhook(secret);
  return {
    async isGenuine(device, requestId) {
      const { password: _password, ...shown } = device;
      const body = JSON.stringify(shown);
      const id = opaqueSecret(random);
      const sentAt = new Date(clock.now());
      try {
        const response = await fetch(url, {
          method: 'POST',
          redirect: 'error',
          signal: AbortSignal.timeout(answerMilliseconds),
          headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
            'webhook-signature': signer.sign(id, sentAt, body),
          },
          body,
        });
        const answer = (await response.json()) as { ok?: unknown } | null;
        return response.ok && answer?.ok === true;
      } catch (error) {
        log.warn({ requestId, error: reasonOf(error as Error) }, 'the attestation verifier did not answer');
        return false;
      }
    },
  };
}
