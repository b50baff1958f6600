import type { RoundPlan } from './rounds.ts';

/** How long sign-ins are counted at a number of connections: many times as long as one of them takes. */
export interface Window {
  readonly connections: number;
  readonly seconds: number;
}

/** How many waves of answers a window must have room for. */
const FEWEST_WAVES = 2;

/**
 * Whether a window shows what a subject does in a second: where all connections together are answered less often than that, it
 * shows nothing but where in their wave it began.
 * @param perSecond what the subject does with fewer connections
 */
export const hasRoom = ({ connections, seconds }: Window, perSecond: number): boolean =>
  (FEWEST_WAVES * connections) / perSecond <= seconds;

/** How much is measured. */
export interface Plan extends RoundPlan {
  readonly kind: 'quick' | 'full';
  readonly accounts: number;
  readonly signIns: readonly Window[];
  readonly cheapConnections: readonly number[];
  readonly cheapSeconds: number;
  readonly floodSeconds: number;
  readonly floodRounds: number;
  readonly starts: number;
  readonly importedAccounts: number;
  readonly importedPasswords: number;
  /** How many different tokens sessions are checked with: more than Latchkey remembers. */
  readonly tokens: number;
  /** How many sessions the memory is measured at; null where that would take too long. */
  readonly sessionsInMemory: number | null;
  readonly verifierRounds: number;
  readonly withPostgres: boolean;
}

/** About ten minutes on two cores. */
export const QUICK: Plan = {
  kind: 'quick',
  rounds: 3,
  extraRounds: 1,
  accounts: 10_000,
  signIns: [
    { connections: 1, seconds: 2 },
    { connections: 8, seconds: 2 },
    { connections: 64, seconds: 6 },
    { connections: 256, seconds: 8 },
  ],
  cheapConnections: [8, 64],
  cheapSeconds: 1.5,
  floodSeconds: 6,
  floodRounds: 1,
  starts: 5,
  importedAccounts: 20_000,
  importedPasswords: 300,
  tokens: 20_000,
  sessionsInMemory: null,
  verifierRounds: 7,
  withPostgres: false,
};

/** About half an hour on two cores. */
export const FULL: Plan = {
  kind: 'full',
  rounds: 3,
  extraRounds: 1,
  accounts: 10_000,
  signIns: [
    { connections: 1, seconds: 3 },
    { connections: 8, seconds: 3 },
    { connections: 64, seconds: 6 },
    { connections: 256, seconds: 10 },
  ],
  cheapConnections: [8, 64],
  cheapSeconds: 2,
  floodSeconds: 10,
  floodRounds: 2,
  starts: 7,
  importedAccounts: 1_000_000,
  importedPasswords: 1000,
  tokens: 20_000,
  sessionsInMemory: 100_000,
  verifierRounds: 21,
  withPostgres: true,
};
