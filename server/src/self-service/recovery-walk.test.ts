import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { longCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { signIn } from '../../testing/steps.ts';

// The flow of recovery in any order, by several people at every door at once, against a model of a few lines: whatever step
// is taken, and whoever's code is shown for it, the server says what the model says (RV-3).

const PEOPLE = 2;
const DOORS = RECOVERY_DOORS.length;

/** A code that was mailed, and what it is good for. */
interface Mailed {
  readonly text: string;
  readonly purpose: 'reset' | 'validate';
  readonly owner: number;
  /** The contract where it was asked for. */
  readonly contract: string;
  readonly epoch: number;
}

/** What is so of one person. */
interface Known {
  person: Person;
  /** The present one first. */
  passwords: string[];
  validated: boolean;
  /** Rises with every new password. */
  epoch: number;
  /** The newest code of each purpose that was not used. */
  newest: Partial<Record<Mailed['purpose'], Mailed>>;
}

type Step =
  | { readonly kind: 'ask'; readonly who: number; readonly door: number }
  | { readonly kind: 'reset'; readonly code: number; readonly door: number; readonly password: number }
  | { readonly kind: 'ask-validation'; readonly who: number; readonly right: boolean }
  | { readonly kind: 'validate'; readonly code: number; readonly who: number; readonly former: number }
  | { readonly kind: 'sign-in'; readonly who: number; readonly former: number }
  | { readonly kind: 'change'; readonly who: number; readonly former: number; readonly password: number };

const who = fc.nat(PEOPLE - 1);
const door = fc.nat(DOORS - 1);
const password = fc.nat(6);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('ask' as const), who, door }),
  fc.record({ kind: fc.constant('reset' as const), code: fc.nat(30), door, password }),
  fc.record({ kind: fc.constant('ask-validation' as const), who, right: fc.boolean() }),
  fc.record({ kind: fc.constant('validate' as const), code: fc.nat(30), who, former: fc.nat(2) }),
  fc.record({ kind: fc.constant('sign-in' as const), who, former: fc.nat(2) }),
  fc.record({ kind: fc.constant('change' as const), who, former: fc.nat(1), password }),
);

let app: TestApp;
beforeAll(async () => {
  app = await startApp('sqlite', {
    LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
    LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_ADDRESS: '10000',
    LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_SOURCE: '10000',
  });
});
afterAll(() => app.stop());

/** One walk: the people, what is known of them, and the codes that have come, newest last. */
class Walk {
  readonly people: Known[] = [];
  readonly codes: Mailed[] = [];

  async begin(): Promise<void> {
    for (let count = 0; count < PEOPLE; count += 1) {
      const person = await app.person({ emailValidated: false });
      this.people.push({ person, passwords: [person.password], validated: false, epoch: 0, newest: {} });
    }
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'ask') return this.ask(step.who, RECOVERY_DOORS[step.door]?.contract ?? '');
    if (step.kind === 'reset') return this.reset(step);
    if (step.kind === 'ask-validation') return this.askValidation(this.known(step.who), step.right);
    if (step.kind === 'validate') return this.validate(step);
    if (step.kind === 'sign-in') return this.signIn(this.known(step.who), step.former);
    return this.change(this.known(step.who), step.former, step.password);
  }

  known(owner: number): Known {
    const known = this.people[owner];
    if (!known) throw new Error(`there is no person ${owner}`);
    return known;
  }

  /** A code of any age and anybody's, or one that nobody has. */
  codeAt(index: number): Mailed | null {
    return this.codes.at(-1 - index) ?? null;
  }

  async ask(owner: number, contract: string): Promise<void> {
    const { person, epoch, newest } = this.known(owner);
    await doorOf(contract).ask(app, person.email);
    const text = await longCode(app.mail, person.email);
    const mailed: Mailed = { text, purpose: 'reset', owner, contract, epoch };
    this.codes.push(mailed);
    newest.reset = mailed;
  }

  async reset(step: Extract<Step, { kind: 'reset' }>): Promise<void> {
    const door = doorOf(RECOVERY_DOORS[step.door]?.contract ?? '');
    const code = this.codeAt(step.code);
    const next = passwordAt(step.password);
    const answer = await door.reset(app, code?.text ?? 'x'.repeat(43), next);
    const owner = code && this.known(code.owner);
    const isGood =
      owner !== null && code !== null && this.isGood(code, door.contract) && code.purpose === 'reset';
    // At `login` the same place takes codes that validate, with the password of the account.
    const validates =
      door.contract === 'login' && code?.purpose === 'validate' && this.isGood(code, door.contract);
    if (validates && owner && next === owner.passwords[0]) {
      expect(answer.status).toBe(200);
      this.spend(owner, 'validate');
      owner.validated = true;
    } else if (!isGood || !owner) expect(answer).toMatchObject(door.codeRefused);
    else if (owner.passwords.slice(0, 5).includes(next))
      expect(answer).toMatchObject(door.refused('password-reused'));
    else {
      expect(answer).toMatchObject(door.done);
      this.setPassword(owner, next);
      owner.validated = true;
    }
  }

  async askValidation(known: Known, right: boolean): Promise<void> {
    const { person, passwords, validated, epoch, newest } = known;
    const given = right ? (passwords[0] ?? '') : 'a wrong password';
    const answer = await signIn(app, 'login', { ...person, password: given });
    const resend_code = answer.body.extra_attributes?.resend_code;
    expect(answer.status).toBe(right && validated ? 200 : 401);
    expect(resend_code === undefined).toBe(!right || validated);
    if (resend_code === undefined) return;
    await app.post('/api/public/account/resend-validation', { resend_code });
    const text = await longCode(app.mail, person.email);
    const owner = this.people.indexOf(known);
    const mailed: Mailed = { text, purpose: 'validate', owner, contract: 'login', epoch };
    this.codes.push(mailed);
    newest.validate = mailed;
  }

  async validate(step: Extract<Step, { kind: 'validate' }>): Promise<void> {
    const code = this.codeAt(step.code);
    // A code for a new password sets whatever is given: `reset` walks there.
    if (code?.purpose === 'reset') return;
    const given = this.known(step.who).passwords[step.former] ?? 'a password of nobody';
    const body = { code: code?.text ?? 'x'.repeat(43), password: given };
    const answer = await app.post('/api/public/account/validate', body);
    const owner = code && this.known(code.owner);
    const isRight =
      code !== null && owner !== null && this.isGood(code, 'login') && given === owner.passwords[0];
    expect(answer.status).toBe(isRight ? 200 : 401);
    if (!isRight || !owner) return;
    this.spend(owner, 'validate');
    owner.validated = true;
  }

  async signIn({ person, passwords, validated }: Known, former: number): Promise<void> {
    const given = passwords[former];
    if (given === undefined) return;
    const isRight = given === passwords[0];
    expect((await signIn(app, 'profile', { ...person, password: given })).status).toBe(isRight ? 200 : 401);
    expect((await signIn(app, 'login', { ...person, password: given })).status).toBe(
      isRight && validated ? 200 : 401,
    );
  }

  async change(known: Known, former: number, index: number): Promise<void> {
    const { person, passwords } = known;
    const signedIn = await signIn(app, 'profile', { ...person, password: passwords[0] ?? '' });
    expect(signedIn.status).toBe(200);
    const currentPassword = passwords[former] ?? 'a wrong password';
    const next = passwordAt(index);
    const headers = { authorization: `Bearer ${signedIn.body.accessToken}` };
    const answer = await app.post('/v1/password/change', { currentPassword, password: next }, headers);
    if (currentPassword !== passwords[0]) expect(answer.status).toBe(401);
    else if (passwords.slice(0, 5).includes(next)) expect(answer.body.error.code).toBe('password-reused');
    else {
      expect(answer.status).toBe(204);
      this.setPassword(known, next);
    }
  }

  isGood(code: Mailed, contract: string): boolean {
    const { epoch, newest } = this.known(code.owner);
    const isTakenHere = [contract, code.contract].includes('native') || contract === code.contract;
    return code.epoch === epoch && newest[code.purpose] === code && isTakenHere;
  }

  spend(owner: Known, purpose: Mailed['purpose']): void {
    delete owner.newest[purpose];
  }

  setPassword(owner: Known, password: string): void {
    owner.passwords.unshift(password);
    owner.epoch += 1;
  }
}

function doorOf(contract: string) {
  const door = RECOVERY_DOORS.find((each) => each.contract === contract);
  if (!door) throw new Error(`there is no door ${contract}`);
  return door;
}

const passwordAt = (index: number): string => `password to be, number ${index}`;

test('no step is taken before its turn, or for anybody else', { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40, size: 'max' }), async (steps) => {
      const walk = new Walk();
      await walk.begin();
      for (const each of steps) await walk.take(each);
    }),
    { numRuns: 15 },
  );
});
