import type { Account, Held, Model, Purpose, Session, Shown } from './state.ts';

// What is asked of an account, as the documents say it.

const DAY = 24 * 3_600_000;
const FRESH = 20 * 60_000;

/** The roles that a session reaches: the one that was picked, or all that count today. */
function reached(account: Account, picked: Held | null): readonly Held[] {
  return account.roles.filter(
    (held) =>
      !held.organisation?.suspended &&
      (picked === null || (held.organisation === picked.organisation && held.role === picked.role)),
  );
}

function isNamed({ role, organisation }: Held, home: Held['organisation']): boolean {
  return (organisation ?? home)?.settings.requireSecondFactorFor?.includes(role) ?? false;
}

function asksForFactor(account: Account, held: Held): boolean {
  const settings = held.organisation?.settings;
  return (
    isNamed(held, account.home) ||
    (settings?.mfaForStudents === true && held.role === 'Student') ||
    (settings?.mfaForTeachers === true && held.role === 'Teacher')
  );
}

/** Whether the account has a factor of its own. */
export function ownsFactor(account: Account): boolean {
  return account.seed !== null || account.mailedPin;
}

/** Whether the account has anything that must be shown before what signs in is changed: a passkey counts here. */
export function hasOwnProof(account: Account): boolean {
  return ownsFactor(account) || account.passkeys.length > 0;
}

/** Whether a second factor is asked for. */
export function isFactorDue(account: Account, picked: Held | null): boolean {
  return ownsFactor(account) || reached(account, picked).some((held) => asksForFactor(account, held));
}

/** Whether a mailed code passes for a second factor. */
function isMailEnough(account: Account, picked: Held | null, isSingleChannel: boolean): boolean {
  const roles = reached(account, picked);
  const asked = roles.map(({ organisation }) => organisation);
  if (picked === null || picked.organisation === null) asked.push(account.home);
  if (asked.some((organisation) => organisation?.settings.allowEmailPin === false)) return false;
  return !(isSingleChannel && roles.some((held) => isNamed(held, account.home)));
}

/** Whether the password was set by mail so lately that a mailed code shows the same mailbox again. */
export function isResetRecent({ resetAt }: Account, now: number): boolean {
  return resetAt !== null && now - resetAt < DAY;
}

/** Whether a code is mailed for the second factor, and taken: who proves again who is there shows what the account has. */
export function isPinMailed(
  account: Account,
  picked: Held | null,
  now: number,
  purpose: Purpose = 'prove',
): boolean {
  const { mailedPin, seed, passkeys } = account;
  const isLeftOver = seed === null && !(purpose === 'prove-again' && passkeys.length > 0);
  return (mailedPin || isLeftOver) && isMailEnough(account, picked, isResetRecent(account, now));
}

/** Whether the account could not show what is asked for. */
export function isShutOut(account: Account, picked: Held | null, now: number): boolean {
  const hasOther = account.seed !== null || account.passkeys.length > 0;
  return isFactorDue(account, picked) && !isPinMailed(account, picked, now) && !hasOther;
}

/** Whether the account, its home or where the role was picked is out of service. */
export function isHeldUp(account: Account, picked: Held | null): boolean {
  return !account.active || account.home?.suspended === true || picked?.organisation?.suspended === true;
}

/** Whether the state of the account or of where it would act is in the way. */
export function isBarred(account: Account, mount: string, picked: Held | null): boolean {
  if (isHeldUp(account, picked)) return true;
  const isNowhere = account.roles.length > 0 && reached(account, null).length === 0;
  if (picked === null && isNowhere) return true;
  return mount === 'login' && !account.validated;
}

/** Whether a session lacks the second factor that is asked for by now. */
export function lacksFactor({ account, picked, methods }: Omit<Session, 'ended'>): boolean {
  if (!isFactorDue(account, picked)) return false;
  const isSingleChannel = methods.includes('single-channel');
  if (!methods.includes('mfa') && !isSingleChannel) return true;
  return isByMailOnly(methods) && !isMailEnough(account, picked, isSingleChannel);
}

function isByMailOnly(methods: readonly string[]): boolean {
  return !['otp', 'recovery', 'user'].some((method) => methods.includes(method));
}

/** Whether a session stands, apart from what it may lack. */
export function stands(session: Session): boolean {
  return !session.ended && !isBarred(session.account, session.mount, session.picked);
}

/** Whether a session is proof enough for changes to what signs in. */
export function isFresh({ account, createdAt, methods }: Session, now: number): boolean {
  if (now - createdAt > FRESH) return false;
  return !hasOwnProof(account) || (methods.includes('mfa') && (account.mailedPin || !isByMailOnly(methods)));
}

/** The failures in a row that lock an account; null where nobody says so. */
export function lockAfter({ home, roles }: Account): number | null {
  const limits = [home, ...roles.map(({ organisation }) => organisation)].flatMap(
    (organisation) => organisation?.settings.maxFailedSignInAttempts ?? [],
  );
  return limits.length === 0 ? null : Math.min(...limits);
}

/**
 * The one property above all: what policy asks for before a session that was not shown. It looks at what was really shown,
 * not at what the model expects of the server.
 */
export function owedFor(shown: Shown, { now }: Model): string[] {
  const { account, mount, picked, device, password, factor, deviceCode } = shown;
  const owed: string[] = [];
  if (!password) owed.push('the password');
  if (isBarred(account, mount, picked)) owed.push('an account that may sign in');
  if (isFactorDue(account, picked)) {
    const isEnough = factor !== 'pin' || isMailEnough(account, picked, isResetRecent(account, now));
    if (factor === null || !isEnough) owed.push('a second factor');
  }
  const isRecognised = device !== null && (account.devices.has(device) || !account.hadDevice);
  if (account.recognisesDevices && !isRecognised && !deviceCode && factor === null)
    owed.push('a recognised device');
  return owed;
}
