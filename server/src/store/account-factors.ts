import type { Change } from './engine.ts';

/** Gives an account another TOTP seed, sealed, or takes it away: null. */
export function setTotpSeed(accountId: string, totpSealed: string | null): Change {
  return { sql: 'UPDATE accounts SET totp_sealed = $2 WHERE id = $1', params: [accountId, totpSealed] };
}

/** Turns an account's mailed PIN on or off. */
export function setMailedPin(accountId: string, isOn: boolean): Change {
  return { sql: 'UPDATE accounts SET factor_email = $2 WHERE id = $1', params: [accountId, Number(isOn)] };
}
