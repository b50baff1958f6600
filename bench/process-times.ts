import { existsSync, readdirSync, readFileSync } from 'node:fs';

// What processes took of the machine, as Linux counts it in `/proc`, in ticks of a hundredth of a second.

const TICK_MILLISECONDS = 10;

interface Stat {
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly nice: number;
}

/** Reads the line of a process or thread; its name may have blanks and brackets of its own. */
function readStat(path: string): Stat {
  const text = readFileSync(path, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { userTicks: Number(fields[11]), systemTicks: Number(fields[12]), nice: Number(fields[16]) };
}

const millisecondsOf = ({ userTicks, systemTicks }: Stat) => (userTicks + systemTicks) * TICK_MILLISECONDS;

/** A process and all that it started and that still lives. */
export function treeOf(pid: number): number[] {
  const path = `/proc/${pid}/task`;
  if (!existsSync(path)) return [];
  const children = readdirSync(path).flatMap((thread) => {
    const file = `${path}/${thread}/children`;
    return existsSync(file) ? readFileSync(file, 'latin1').trim().split(' ').filter(Boolean).map(Number) : [];
  });
  return [pid, ...children.flatMap(treeOf)];
}

/** Processor time that processes have used, with what they started. */
export function cpuMilliseconds(pids: readonly number[]): number {
  return pids.flatMap(treeOf).reduce((sum, pid) => sum + millisecondsOf(readStat(`/proc/${pid}/stat`)), 0);
}

/** Resident memory of processes, with what they started. */
export function residentMib(pids: readonly number[]): number {
  const kib = pids
    .flatMap(treeOf)
    .map((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0));
  return kib.reduce((sum, each) => sum + each, 0) / 1024;
}

/** Processor time of a process by what its threads do; those at the lowest priority hash passwords. */
export interface ThreadTimes {
  readonly main: number;
  readonly hashing: number;
  readonly others: number;
}

/** How much of its processor time each kind of thread of a process has used. */
export function threadTimes(pid: number): ThreadTimes {
  const times = { main: 0, hashing: 0, others: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readStat(`/proc/${pid}/task/${thread}/stat`);
    const kind = Number(thread) === pid ? 'main' : stat.nice === 19 ? 'hashing' : 'others';
    times[kind] += millisecondsOf(stat);
  }
  return times;
}

/** How long all processors of the machine were busy, whoever had them. */
export function machineBusyMilliseconds(): number {
  const [, user, nice, system, , , interrupts, softInterrupts, steal] = (
    readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number);
  const parts = [user, nice, system, interrupts, softInterrupts, steal];
  return parts.reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) * TICK_MILLISECONDS;
}
