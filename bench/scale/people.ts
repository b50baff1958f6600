/** Somebody in a generated directory, by number from 0 on: whoever knows the number can sign in as them. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly email: string;
}

const DIGITS = 9;

/**
 * The same number is the same person in every store. Ids and names rise with the number, so that writing them in their order
 * appends to every tree; looking them up is as random as it ever was.
 */
export function personOf(number: number): Person {
  const padded = String(number).padStart(DIGITS, '0');
  const username = `person${padded}`;
  return {
    id: `00000000-0000-4000-8000-${padded.padStart(12, '0')}`,
    username,
    email: `${username}@example.com`,
  };
}

/** Spreads numbers evenly over a range without repeating a pattern: what the golden ratio is good for. */
export function spread(index: number, range: number): number {
  return Math.floor(((index * 0.618_033_988_749_894_9) % 1) * range);
}
