import { databaseStop } from './database-stop.ts';
import type { Fault } from './fault.ts';
import { gracefulStop } from './graceful-stop.ts';
import { kill } from './kill.ts';
import { rollingRestart } from './rolling-restart.ts';

/** Every fault there is, in the order in which they are run. */
export const FAULTS: readonly Fault[] = [kill, databaseStop, gracefulStop, rollingRestart];
