import type { RoundPlan } from './rounds.ts';

/** How much is measured. */
export interface Plan extends RoundPlan {
  readonly kind: 'quick' | 'full';
  readonly accounts: number;
  readonly signInConnections: readonly number[];
  readonly cheapConnections: readonly number[];
  /** From how many connections on those are left out whose sign-ins would wait for ten seconds. */
  readonly slowFrom: number;
  readonly signInSeconds: number;
  readonly cheapSeconds: number;
  readonly floodSeconds: number;
  readonly floodRounds: number;
  readonly starts: number;
  readonly importedAccounts: number;
  readonly importedPasswords: number;
  /** How many sessions the memory is measured at; null where that would take too long. */
  readonly sessionsInMemory: number | null;
  readonly verifierRounds: number;
  readonly withPostgres: boolean;
}

/** A few minutes. */
export const QUICK: Plan = {
  kind: 'quick',
  rounds: 3,
  extraRounds: 1,
  accounts: 10_000,
  signInConnections: [1, 8, 64, 256],
  cheapConnections: [8, 64],
  slowFrom: 256,
  signInSeconds: 2,
  cheapSeconds: 1.5,
  floodSeconds: 6,
  floodRounds: 1,
  starts: 5,
  importedAccounts: 20_000,
  importedPasswords: 600,
  sessionsInMemory: null,
  verifierRounds: 7,
  withPostgres: false,
};

/** Most of an hour. */
export const FULL: Plan = {
  kind: 'full',
  rounds: 3,
  extraRounds: 1,
  accounts: 10_000,
  signInConnections: [1, 8, 64, 256],
  cheapConnections: [8, 64],
  slowFrom: Number.POSITIVE_INFINITY,
  signInSeconds: 4,
  cheapSeconds: 3,
  floodSeconds: 10,
  floodRounds: 2,
  starts: 7,
  importedAccounts: 1_000_000,
  importedPasswords: 3000,
  sessionsInMemory: 100_000,
  verifierRounds: 21,
  withPostgres: true,
};
