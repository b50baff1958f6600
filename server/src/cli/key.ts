import { type Command, Option } from 'commander';
import { createKeyRing, servedMounts } from '../app.ts';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { OperatorError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import type { SigningKeyRecord } from '../store/signing-keys.ts';
import { type AsymmetricAlgorithm, type KeyRing, signingNow } from '../tokens/key-ring.ts';
import { command, note, operator, withCore } from './command.ts';
import { printJson, printTable, time } from './output.ts';

const ALGORITHMS: readonly AsymmetricAlgorithm[] = ['ES256', 'EdDSA', 'RS256'];

/** `latchkey key …` */
export function keyCommand(): Command {
  const key = command('key', 'operate on signing keys');
  key.addCommand(listCommand());
  key.addCommand(rotateCommand());
  return key;
}

/** What a key does now. */
function stateOf(
  key: SigningKeyRecord,
  all: readonly SigningKeyRecord[],
  now: number,
): 'retired' | 'published' | 'verifies' | 'signs' {
  if (key.retiresAt !== null && key.retiresAt <= now) return 'retired';
  if (signingNow(all, key.algorithm, now) === key) return 'signs';
  return key.signsFrom > now ? 'published' : 'verifies';
}

function listCommand(): Command {
  return command('list', 'list signing keys and what each does now')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }, called: Command) => {
      await withCore(called, async ({ store, clock }) => {
        const all = await store.signingKeys.all();
        const rows = all.map((key) => ({
          id: key.id,
          algorithm: key.algorithm,
          state: stateOf(key, all, clock.now()),
          createdAt: time(key.createdAt),
          signsFrom: time(key.signsFrom),
          retiresAt: key.retiresAt === null ? null : time(key.retiresAt),
        }));
        if (options.json) return printJson(rows);
        await printTable(
          ['ID', 'ALGORITHM', 'STATE', 'SIGNS FROM', 'RETIRES AT'],
          rows.map((row) => [row.id, row.algorithm, row.state, row.signsFrom, row.retiresAt ?? '-']),
        );
      });
    });
}

/** What an emergency breaks, and for how long it does not reach everybody. */
function emergencyNotice(publishSeconds: number): string {
  return [
    'The keys before it have ended. What this breaks:',
    '- Every access token that they signed is refused: clients refresh, and go on without signing in again.',
    '- Running servers know within a second, and so do resource servers that follow the revocations.',
    `- Other resource servers take old tokens, and refuse new ones, until they read the JWKS again: up to ${publishSeconds} s.`,
    'Refresh tokens are signed with another key and stay good. If sessions are not to be trusted either, end them.',
  ].join('\n');
}

function rotateCommand(): Command {
  return command('rotate', 'make a new signing key: published at once, in use when every cached JWKS has it')
    .option('--emergency', 'end the keys before it at once, and every token that they signed')
    .addOption(
      new Option(
        '--algorithm <name>',
        'only this algorithm (default: every one that a mount signs with)',
      ).choices(ALGORITHMS),
    )
    .option('--json', 'print JSON')
    .action(async (options: { algorithm?: string; emergency?: boolean; json?: boolean }, called: Command) => {
      await withCore(called, async (core) => {
        const ring = createKeyRing(core.config, servedMounts(core.config), core);
        const algorithms = ring.algorithms.filter(
          (algorithm) => options.algorithm === undefined || algorithm === options.algorithm,
        );
        if (algorithms.length === 0)
          throw new OperatorError(`no mount signs with ${options.algorithm ?? 'a key of ours'}`);
        const emergency = options.emergency === true;
        const made = await rotateKeys(core, ring, algorithms, emergency);
        if (options.json) return printJson(made);
        for (const key of made)
          note(`${key.algorithm} ${key.id}: published now, signs from ${key.signsFrom}`);
        if (emergency) note(emergencyNotice(core.config.keys.publishSeconds));
      });
    });
}

/** A key that was made. */
export interface RotatedKey {
  readonly id: string;
  readonly algorithm: AsymmetricAlgorithm;
  readonly signsFrom: string;
}

/** Makes a new key of each algorithm; see `KeyRing.rotate`. */
export async function rotateKeys(
  core: Core,
  ring: KeyRing,
  algorithms: readonly AsymmetricAlgorithm[],
  emergency: boolean,
): Promise<RotatedKey[]> {
  const made: RotatedKey[] = [];
  for (const algorithm of algorithms) {
    const told = ({ id }: SigningKeyRecord) =>
      recordAudit(
        auditEvent({
          at: core.clock.now(),
          event: 'key.rotated',
          actor: 'operator',
          detail: { key: id, algorithm, emergency, ...operator() },
        }),
      );
    const key = await ring.rotate(algorithm, told, { emergency });
    made.push({ id: key.id, algorithm, signsFrom: time(key.signsFrom) });
  }
  return made;
}
