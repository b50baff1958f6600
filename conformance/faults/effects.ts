import type { MailSink } from '../../server/testing/mail-sink.ts';
import type { Client } from './client.ts';
import { until } from './fault.ts';
import { PASSWORD, WRONG_PASSWORD } from './people.ts';

/** Something that is not as it was acknowledged. */
export interface Problem {
  readonly effect: string;
  readonly what: string;
}

/** What effects are made with. */
export interface EffectWorld {
  readonly client: Client;
  /** Where mail goes, for effects that send some. */
  readonly mail: MailSink | null;
}

/** Says later whether an effect is still there: what is wrong, or null. May be asked any number of times. */
export type Check = () => Promise<string | null>;

/** Something that clients have a server do and rely on from then on. */
export interface Effect {
  readonly name: string;
  /** Makes it once. @returns null when it was not acknowledged */
  readonly make: (world: EffectWorld, number: number) => Promise<Check | null>;
}

/** How many people there are who sign in again and again: `user0`, … */
export const USERS = 40;

/** `signIn.maxFailures` of the servers that effects are made at. */
export const MAX_FAILURES = 3;

/** `signIn.lockSeconds` of those servers. */
export const LOCK_SECONDS = 900;

const user = (number: number) => `user${number % USERS}`;

const signUp: Effect = {
  name: 'sign-up',
  async make({ client }, number) {
    const email = `new${number}@example.org`;
    const password = `p-${number}-${Math.random().toString(36)}`;
    const names = { first_name: 'New', last_name: 'Person' };
    const made = await client.post('/api/v1/auths/sign-up', { email, password, ...names });
    if (made.status !== 201) return null;
    return async () => {
      const { status } = await client.post('/api/v1/auths/sign-in', { email, password });
      return status === 200 ? null : `${email} signed up and cannot sign in: ${status}`;
    };
  },
};

/** Changes the password of somebody whom nobody else signs in as. */
const passwordChange: Effect = {
  name: 'password change',
  async make({ client }, number) {
    const identifier = `changes${number}`;
    const password = `new-${number}-${Math.random()}`;
    const { body } = await client.post('/v1/sign-in', { identifier, password: PASSWORD });
    const change = { currentPassword: PASSWORD, password };
    const changed = await client.post('/v1/password/change', change, body.accessToken);
    if (changed.status < 200 || changed.status > 299) return null;
    return async () => {
      const signIn = (tried: string) => client.post('/v1/sign-in', { identifier, password: tried });
      const [byOld, byNew] = [await signIn(PASSWORD), await signIn(password)];
      return byOld.status === 401 && byNew.status === 200
        ? null
        : `${identifier}: the old password gives ${byOld.status}, the new one ${byNew.status}`;
    };
  },
};

const signOut: Effect = {
  name: 'sign-out',
  async make({ client }, number) {
    const begun = await client.post('/v1/sign-in', { identifier: user(number), password: PASSWORD });
    if (begun.status !== 200) return null;
    const { accessToken, refreshToken } = begun.body;
    if ((await client.post('/v1/sign-out', {}, accessToken)).status !== 204) return null;
    return async () => {
      const [session, refreshed] = [
        await client.get('/v1/session', accessToken),
        await client.post('/v1/refresh', { refreshToken }),
      ];
      return session.status === 401 && refreshed.status === 401
        ? null
        : `a session that was ended is answered ${session.status}, its refresh token ${refreshed.status}`;
    };
  },
};

const session: Effect = {
  name: 'sign-in',
  async make({ client }, number) {
    const { status, body } = await client.post('/v1/sign-in', {
      identifier: user(number),
      password: PASSWORD,
    });
    if (status !== 200) return null;
    return async () => {
      const seen = await client.get('/v1/session', body.accessToken);
      return seen.status === 200 ? null : `a session that was begun is answered ${seen.status}`;
    };
  },
};

const oneUseCode: Effect = {
  name: 'one-use code',
  async make({ client }, number) {
    const spend = () =>
      client.post('/api/v1/auth/sign-in', {
        type: 'resource',
        data: { resource: `voucher::drill::code::CODE${number}` },
      });
    if ((await spend()).status !== 200) return null;
    return async () => {
      const { status } = await spend();
      return status === 200 ? `CODE${number} was spent and is good again` : null;
    };
  },
};

/** Rotates a session's refresh token twice. The newest must be good once, and the oldest never again. */
const rotation: Effect = {
  name: 'refresh rotation',
  async make({ client }, number) {
    const { body, status } = await client.post('/v1/sign-in', {
      identifier: user(number),
      password: PASSWORD,
    });
    if (status !== 200) return null;
    const chain: string[] = [body.refreshToken];
    for (let step = 0; step < 2; step += 1) {
      const next = await client.post('/v1/refresh', { refreshToken: chain.at(-1) });
      if (next.status !== 200) return null;
      chain.push(next.body.refreshToken);
    }
    let wasLooked = false;
    return async () => {
      const newest = wasLooked ? null : await client.post('/v1/refresh', { refreshToken: chain[2] });
      wasLooked = true;
      const oldest = await client.post('/v1/refresh', { refreshToken: chain[0] });
      if (newest !== null && newest.status !== 200) return `the newest token is answered ${newest.status}`;
      return oldest.status === 401 ? null : `a token rotated twice is answered ${oldest.status}`;
    };
  },
};

/**
 * Fails to sign in as somebody whom nobody else signs in as, until the limit. After that no more wrong passwords may be
 * evaluated than the limit leaves, and the right one must wait.
 */
const failures: Effect = {
  name: 'failures counted',
  async make({ client }, number) {
    const identifier = `guessed${number}`;
    const guess = (password: string) => client.post('/v1/sign-in', { identifier, password });
    let told = 0;
    while (told < MAX_FAILURES && (await guess(WRONG_PASSWORD)).status === 401) told += 1;
    if (told === 0) return null;
    let lockedAt: number | null = null;
    let evaluated = told;
    return async () => {
      while (lockedAt === null) {
        const { status } = await guess(WRONG_PASSWORD);
        // A place may still be held by an attempt that was in flight, or nobody answered: then this is no time to say.
        if (status === 503 || status === 0) return null;
        if (status === 429) lockedAt = Date.now();
        else if (evaluated++ >= MAX_FAILURES)
          return `${identifier}: ${told} failures were told, and one more than the limit was evaluated`;
      }
      if (Date.now() - lockedAt > (LOCK_SECONDS - 100) * 1000) return null;
      const { status } = await guess(PASSWORD);
      return status === 429 ? null : `${identifier} has to wait and is answered ${status}`;
    };
  },
};

/** How long a mail may take: a sender that is lost may have had it for a minute. */
const MAIL_MILLISECONDS = 90_000;

/** Has a code mailed while the mail server refuses everything: the mail must go out when it takes mail again. */
const mailed: Effect = {
  name: 'mail queued',
  async make({ client, mail }, number) {
    const name = `mailed${number}`;
    const begun = await client.post('/v1/sign-in', { identifier: name, password: PASSWORD });
    if (mail === null || begun.status !== 403) return null;
    return async () => {
      const address = `${name}@example.com`;
      const isThere = async () => mail.delivered.some(({ recipients }) => recipients.includes(address));
      return (await until(isThere, MAIL_MILLISECONDS)) < Number.POSITIVE_INFINITY
        ? null
        : `${address} got no mail`;
    };
  },
};

/** Every kind there is. */
export const EFFECTS: readonly Effect[] = [
  signUp,
  passwordChange,
  session,
  signOut,
  oneUseCode,
  rotation,
  failures,
  mailed,
];

/** Those that need no mail server. */
export const EFFECTS_WITHOUT_MAIL = EFFECTS.filter((effect) => effect !== mailed);
