import type { AuditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { importDirectory } from '../directory/import.ts';
import { OperatorError } from '../errors.ts';

/**
 * Loads one object by the rules of a directory file: there is one way into the directory, with one set of checks.
 * @param event what the audit log is told when that changes something, in the same commit
 * @param onlyNew refuses an account that is there already, which the commit that makes it decides
 * @throws OperatorError with what is wrong
 */
export async function loadOne(
  core: Core,
  object: Readonly<Record<string, unknown>>,
  event: AuditEvent,
  { onlyNew = false } = {},
): Promise<'created' | 'updated' | 'unchanged'> {
  async function* lines() {
    yield { source: 'command line', lineNumber: 1, text: JSON.stringify(object) };
  }
  const report = await importDirectory(core, lines(), { dryRun: false, event, onlyNew });
  const [refused] = report.refused;
  if (refused) throw new OperatorError(refused.reason);
  if (report.created > 0) return 'created';
  return report.updated > 0 ? 'updated' : 'unchanged';
}
