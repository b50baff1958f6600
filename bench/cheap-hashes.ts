import { hashSync } from '@node-rs/argon2';
import { PASSWORD } from './scenarios.ts';

const COST = { memoryKib: 64, passes: 1 };

/** A server's settings where hashing is not what is measured: its threads take less of the processors and of memory. */
export const CHEAP_HASHING = {
  LATCHKEY_HASHING_MEMORY_KIB: String(COST.memoryKib),
  LATCHKEY_HASHING_PASSES: String(COST.passes),
};

/** A hash of everybody's password at that cost. */
export function cheapPasswordHash(): string {
  return hashSync(PASSWORD, {
    algorithm: 2,
    memoryCost: COST.memoryKib,
    timeCost: COST.passes,
    parallelism: 1,
  });
}
