import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// Where the main thread of a process that runs spends its time, by samples of its stack: https://nodejs.org/api/inspector.html

/** What the inspector says of a place in the tree of calls. */
interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** Samples, each with its place and the microseconds since the one before. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const LONGEST_TO_OPEN_MILLISECONDS = 5_000;

/** Takes samples of a process's main thread while something is done. Its inspector stays open: it is to be stopped after this. */
export async function profiled<Result>(
  pid: number,
  work: () => Promise<Result>,
): Promise<{ readonly profile: CpuProfile; readonly result: Result }> {
  const socket = new WebSocket(await openInspector(pid));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  let asked = 0;
  const ask = (method: string) =>
    new Promise<{ profile?: CpuProfile }>((resolve, reject) => {
      asked += 1;
      const id = asked;
      socket.addEventListener('message', ({ data }) => {
        const answer = JSON.parse(String(data)) as {
          id?: number;
          result?: object;
          error?: { message: string };
        };
        if (answer.id !== id) return;
        if (answer.error) reject(new Error(answer.error.message));
        else resolve(answer.result ?? {});
      });
      socket.send(JSON.stringify({ id, method }));
    });
  try {
    await ask('Profiler.enable');
    await ask('Profiler.start');
    const result = await work();
    const { profile } = await ask('Profiler.stop');
    if (profile === undefined) throw new Error('the inspector gave no profile');
    return { profile, result };
  } finally {
    socket.close();
  }
}

/** Where a process's inspector listens, once it does. */
async function openInspector(pid: number): Promise<string> {
  if ((await inspectorAt()) !== null)
    throw new Error(`another process than ${pid} has the inspector at ${INSPECTOR}`);
  process.kill(pid, 'SIGUSR1');
  for (const begun = performance.now(); performance.now() - begun < LONGEST_TO_OPEN_MILLISECONDS; ) {
    const address = await inspectorAt();
    if (address !== null) return address;
    await delay(50);
  }
  throw new Error(`${pid} opens no inspector at ${INSPECTOR}`);
}

async function inspectorAt(): Promise<string | null> {
  const answer = await fetch(INSPECTOR).catch(() => null);
  if (answer === null) return null;
  const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[];
  return target?.webSocketDebuggerUrl ?? null;
}

/**
 * Adds up the time of the samples, without what the thread was idle.
 * @param nameOf what a place in the sources, or of the engine's own, is called; null where its caller decides
 * @returns the part of the whole that each name has
 */
export function partsOf(
  { nodes, samples, timeDeltas }: CpuProfile,
  nameOf: (frame: ProfileNode['callFrame']) => string | null,
  otherwise: string,
): Map<string, number> {
  const callers = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const names = new Map<number, string>();
  const nameFrom = (id: number | undefined): string => {
    const node = id === undefined ? undefined : byId.get(id);
    if (node === undefined) return otherwise;
    const name = names.get(node.id) ?? nameOf(node.callFrame) ?? nameFrom(callers.get(node.id));
    names.set(node.id, name);
    return name;
  };
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    if (byId.get(id)?.callFrame.functionName === '(idle)') continue;
    const name = nameFrom(id);
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const whole = [...times.values()].reduce((sum, each) => sum + each, 0);
  return new Map([...times].map(([name, time]) => [name, time / whole]));
}

const modulesByFile = new Map<string, readonly (readonly [line: number, path: string])[]>();

/** The source, from the root of the repository, that a line of a bundled file comes from; null where that is not said. */
export function sourceOf({ url, lineNumber }: ProfileNode['callFrame']): string | null {
  if (!url.startsWith('file:')) return null;
  const modules = modulesByFile.get(url) ?? modulesIn(readFileSync(fileURLToPath(url), 'utf8'));
  modulesByFile.set(url, modules);
  return modules.findLast(([line]) => line <= lineNumber)?.[1] ?? null;
}

/** A bundle names each module that it has in a comment of its own before it. */
function modulesIn(text: string): (readonly [number, string])[] {
  return text.split('\n').flatMap((line, index) => {
    const path = /^\s*\/\/ ((?:server|node_modules)\/\S+)$/.exec(line)?.[1];
    return path === undefined ? [] : [[index, path] as const];
  });
}
