import { isAnothers } from './addresses.ts';
import { complete } from './corridor.ts';
import { type Model, newAccount, REFUSED, type SignUp, type Verdict } from './state.ts';

// Signing up at the native API: nothing is made before the address is proven.

const MOST_TRIES = 5;

/** Whether an address is somebody's who is at home nowhere: then no code is mailed. */
export function isKnown(model: Model, email: string): boolean {
  return isAnothers(model, { home: null }, email);
}

/** Whether that code would make an account now, of somebody who has shown the address. */
export function wouldSignUp({ now }: Model, signUp: SignUp | undefined, code: string): boolean {
  if (!signUp || signUp.expiresAt <= now || signUp.failures >= MOST_TRIES || signUp.spent) return false;
  return signUp.digits === code;
}

/** Shows the code that was mailed: then there is an account, whose id is told in the answer, and a session. */
export function confirmSignUp(model: Model, signUp: SignUp | undefined, code: string): Verdict {
  if (!signUp || signUp.expiresAt <= model.now || signUp.failures >= MOST_TRIES) return REFUSED;
  if (signUp.digits !== code) {
    signUp.failures += 1;
    return REFUSED;
  }
  const { email, username, password } = signUp;
  const isNameTaken = model.accounts.some((each) => each.home === null && each.username === username);
  if (signUp.spent || isKnown(model, email) || isNameTaken) return REFUSED;
  signUp.spent = true;
  const account = newAccount({ id: '', email, username, home: null, passwords: [password] });
  model.accounts.push(account);
  const way = { account, mount: 'native', picked: null, device: null, session: null };
  return complete(model, way, ['pwd', 'email']);
}
