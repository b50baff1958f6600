import { databaseStop } from './database-stop.ts';
import type { Fault } from './fault.ts';
import { kill } from './kill.ts';

/** Every fault there is, in the order in which they are run. */
export const FAULTS: readonly Fault[] = [kill, databaseStop];
