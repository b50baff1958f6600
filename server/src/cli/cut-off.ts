import { createKeyRing, servedMounts } from '../app.ts';
import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { recordAudit } from '../store/audit.ts';
import { spendTotpSteps } from '../store/consume.ts';
import {
  type CutOffTable,
  cutAccountsOff,
  cutInstallationsOff,
  forgetDevicesOf,
  type Piece,
  stateCutOff,
} from '../store/cut-off.ts';
import type { Change } from '../store/engine.ts';
import { endSessionsOfPiece } from '../store/sessions.ts';
import type { AsymmetricAlgorithm } from '../tokens/key-ring.ts';
import { operator } from './command.ts';
import { type RotatedKey, rotateKeys } from './key.ts';

/** What a cut-off has ended. */
export interface CutOff {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly keys: readonly RotatedKey[];
  readonly accounts: number;
  readonly installations: number;
  readonly sessions: number;
  readonly devices: number;
}

/** A code of an authenticator app may belong to the next time step already. */
const STEPS_AHEAD = 1;
const STEP_MILLISECONDS = 30_000;

/**
 * Ends everything that a store holds and that may have been ended, spent or replaced after it was copied: access tokens with
 * their keys, then what belongs to the epochs of accounts and installations, then the sessions. What begins meanwhile may end
 * too. One that was interrupted is made again from the beginning.
 * @param keepDevices leaves recognised devices as they are
 * @param tell how many rows were gone through
 */
export async function cutOff(
  core: Core,
  { keepDevices, tell }: { readonly keepDevices: boolean; readonly tell: (rows: number) => void },
): Promise<CutOff> {
  const { store, clock } = core;
  // A clock that was set back does not make it an earlier one.
  const at = Math.max(clock.now(), (await store.cutOff.at()) + 1);
  await store.commit([stateCutOff(at), told(core, 'begun')]);
  const keys = await endKeys(core);

  let gone = 0;
  /** Goes through a table. @returns how many rows each of the changes has returned */
  const through = async (table: CutOffTable, changes: (piece: Piece) => readonly Change[]) => {
    const sums: number[] = [];
    for (let after = ''; ; ) {
      const piece = await store.cutOff.piece(table, after);
      if (piece === null) return sums;
      const committed = await store.commit(changes(piece));
      const rows = committed.ok ? committed.rows : [];
      for (const [index, each] of rows.entries()) sums[index] = (sums[index] ?? 0) + each.length;
      gone += rows[0]?.length ?? 0;
      tell(gone);
      after = piece.last;
    }
  };

  const totpStep = Math.floor(at / STEP_MILLISECONDS) + STEPS_AHEAD;
  const [accounts = 0, , devices = 0] = await through('accounts', (piece) => [
    cutAccountsOff(piece),
    spendTotpSteps(piece, totpStep),
    ...(keepDevices ? [] : [forgetDevicesOf(piece)]),
  ]);
  const [installations = 0] = await through('installations', (piece) => [cutInstallationsOff(piece)]);
  const [, sessions = 0] = await through('sessions', (piece) =>
    endSessionsOfPiece(piece, 'store-restored', clock.now()),
  );
  const counts = { accounts, installations, sessions, devices };
  await store.commit([told(core, 'done', counts)]);
  return { at, keys, ...counts };
}

/** Of every algorithm that there are keys of: one that no mount signs with any more is verified with all the same. */
async function endKeys(core: Core): Promise<readonly RotatedKey[]> {
  const mounts = servedMounts(core.config);
  const known = new Set(
    (await core.store.signingKeys.all()).map(({ algorithm }) => algorithm as AsymmetricAlgorithm),
  );
  const ring = createKeyRing(core.config, mounts, core, known);
  return rotateKeys(core, ring, ring.algorithms, true);
}

function told(core: Core, reason: 'begun' | 'done', counts: object = {}): Change {
  const detail = { ...counts, ...operator() };
  return recordAudit(
    auditEvent({ at: core.clock.now(), event: 'store.cut-off', actor: 'operator', reason, detail }),
  );
}
