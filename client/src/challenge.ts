import type { Device, SecondFactor } from './results.ts';
import type { Session } from './session.ts';
import { nativeReason, notDone } from './settle.ts';

/** A step of a contract that has no endpoint for one: the native API completes it, and answers as the contract would. */
export function challengeStep<Body>(
  session: Session,
  kind: 'second-factor' | 'device',
  challengeToken: string,
): SecondFactor<Body> | Device<Body> {
  const challenge_token = challengeToken;
  return {
    kind,
    async prove(code, { signal } = {}) {
      const reply = await session.send('POST /v1/challenges/verify', { challenge_token, code }, { signal });
      return reply.status === 200 ? session.signedIn<Body>(reply) : notDone(reply, nativeReason);
    },
    async resend({ signal } = {}) {
      const reply = await session.send('POST /v1/challenges/resend', { challenge_token }, { signal });
      return reply.status === 202 ? { kind: 'sent' } : notDone(reply, nativeReason);
    },
  };
}
