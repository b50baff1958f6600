import type { Session } from '../src/store/sessions.ts';
import { nextNumber } from './app.ts';
import { uuid } from './core.ts';

/** A session that nobody else in this process has, begun now for an hour at the mount `login`. */
export function sessionAt(now: number, fields: Partial<Session> = {}): Session {
  const id = uuid(nextNumber());
  return {
    id,
    principal: { kind: 'account', id },
    accountId: null,
    epoch: 0,
    mount: 'login',
    membership: null,
    methods: ['pwd'],
    device: null,
    counter: 0,
    rotatedAt: now,
    createdAt: now,
    refreshExpiresAt: now + 3_600_000,
    expiresAt: now + 3_600_000,
    endedAt: null,
    ...fields,
  };
}
