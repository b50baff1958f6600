import { Readable } from 'node:stream';
import type { Core } from '../src/core.ts';
import { exportDirectory } from '../src/directory/export.ts';
import { importDirectory } from '../src/directory/import.ts';
import type { ImportReport } from '../src/directory/import-report.ts';
import { readLines } from '../src/directory/read-lines.ts';
import { openTestCore, type TestCore } from './core.ts';
import type { ENGINES } from './engines.ts';

/** Empty stores for one file of tests. */
export function testStores(engine: (typeof ENGINES)[number]) {
  const cores: TestCore[] = [];
  return {
    async fresh(): Promise<TestCore> {
      const opened = await openTestCore(engine);
      cores.push(opened);
      return opened;
    },
    closeAll: () => Promise.all(cores.map((each) => each.close())),
  };
}

/** Loads the lines of a directory file. Texts are taken as they are. */
export function loadLines(
  lines: readonly (object | string)[],
  into: Core,
  dryRun = false,
): Promise<ImportReport> {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  return importDirectory(into, readLines('file', Readable.from([Buffer.from(text)])), { dryRun });
}

/** Every object of a store, as an export writes them. */
export async function exported(from: Core): Promise<object[]> {
  const lines: object[] = [];
  for await (const line of exportDirectory(from)) lines.push(line);
  return lines;
}

/** Why lines were refused, each with its number. */
export function reasons(report: ImportReport): string[] {
  return report.refused.map(({ lineNumber, reason }) => `${lineNumber}: ${reason}`);
}
