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
    id: `5ca1e000-0000-4000-8000-${padded.padStart(12, '0')}`,
    username,
    email: `${username}@example.com`,
  };
}

/**
 * Whose the sign-in with a number is, of so many: spread over all, and in the order of people, so that these are written in the
 * order of every tree, too.
 */
export function signerOf(index: number, signIns: number, people: number): Person {
  return personOf(Math.floor((index * people) / signIns));
}

/** Whoever signs in with it comes from the device that is known. */
export const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
