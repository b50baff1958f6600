import { clockJump } from './clock-jump.ts';
import { clockSkew } from './clock-skew.ts';
import { commitUnknown } from './commit-unknown.ts';
import { databaseStop } from './database-stop.ts';
import { descriptors } from './descriptors.ts';
import { diskFull } from './disk-full.ts';
import { failover } from './failover.ts';
import type { Fault } from './fault.ts';
import { gracefulStop } from './graceful-stop.ts';
import { keyRotation } from './key-rotation.ts';
import { kill } from './kill.ts';
import { mailAway } from './mail-away.ts';
import { memoryOut } from './memory-out.ts';
import { migration } from './migration.ts';
import { restore } from './restore.ts';
import { rollingRestart } from './rolling-restart.ts';
import { slowStore } from './slow-store.ts';
import { soak } from './soak.ts';

/** Every fault there is, in the order in which they are run. */
export const FAULTS: readonly Fault[] = [
  kill,
  databaseStop,
  gracefulStop,
  rollingRestart,
  migration,
  mailAway,
  diskFull,
  descriptors,
  memoryOut,
  clockJump,
  clockSkew,
  slowStore,
  failover,
  commitUnknown,
  keyRotation,
  restore,
  soak,
];
