import { isAnothers } from './addresses.ts';
import { complete } from './corridor.ts';
import { type Account, type Model, REFUSED, type SignUp, type Verdict } from './state.ts';
import { noTries } from './tries.ts';

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
  const account = newAccount({ email, username, password });
  model.accounts.push(account);
  const way = { account, mount: 'native', picked: null, device: null, session: null };
  return complete(model, way, ['pwd', 'email']);
}

/** An account that nobody has given anything. */
function newAccount({
  email,
  username,
  password,
}: {
  email: string;
  username: string;
  password: string;
}): Account {
  return {
    id: '',
    username,
    email,
    home: null,
    roles: [],
    recognisesDevices: false,
    passwords: [password],
    active: true,
    validated: true,
    epoch: 0,
    seed: null,
    seedIsVouched: true,
    totpStep: 0,
    mailedPin: false,
    recoveryCodes: new Set(),
    everyRecoveryCode: [],
    passkeys: [],
    everyPasskey: [],
    devices: new Set(),
    hadDevice: false,
    resetAt: null,
    passwordTries: noTries(),
    deviceTries: new Map(),
    codeTries: noTries(),
  };
}
