import type { Answer, Client } from './client.ts';
import { PASSWORD, WRONG_PASSWORD } from './people.ts';

/** Something that is being done when its commit, or the answer to that, is lost. */
export interface Trial {
  readonly name: string;
  /** A statement of its transaction; without one, it is a single statement that is a transaction by itself. */
  readonly behind?: string;
  /** The statement that ends it. */
  readonly bytes: string;
  /** Whether repeating it does it once more. What does not is done once in the end. */
  readonly repeats: boolean;
  /** @param number whose turn it is: everybody has one */
  readonly begin: (client: Client, number: number) => Promise<Begun>;
}

/** A trial that was prepared. */
export interface Begun {
  readonly act: () => Promise<Answer>;
  /** Tells how often it was done. */
  readonly count: string;
  /** Repeats it as the documentation says. @returns what is wrong with that, or null */
  readonly again: (wasDone: boolean) => Promise<string | null>;
}

/** How many people a round of the trials takes: `user0`, … */
export const USERS_PER_TRIAL = 3;

const signIn = (client: Client, identifier: string, password = PASSWORD) =>
  client.post('/v1/sign-in', { identifier, password });

/** Whether it is answered with one of these. */
function answered(answer: Answer, ...statuses: number[]): string | null {
  return statuses.includes(answer.status) ? null : `repeated it is answered ${answer.status}`;
}

const countOf = (table: string, username: string) =>
  `SELECT count(*)::int AS answer FROM ${table} t JOIN accounts a ON a.id = t.account_id WHERE a.username = '${username}'`;

const sessionBegins: Trial = {
  name: 'sign-in',
  behind: 'INSERT INTO sessions',
  bytes: 'COMMIT',
  repeats: true,
  async begin(client, number) {
    const user = `user${number * USERS_PER_TRIAL}`;
    return {
      act: () => signIn(client, user),
      count: countOf('sessions', user),
      again: async () => answered(await signIn(client, user), 200),
    };
  },
};

const refresh: Trial = {
  name: 'refresh',
  bytes: 'UPDATE sessions SET counter = counter + 1',
  repeats: false,
  async begin(client, number) {
    const user = `user${number * USERS_PER_TRIAL + 1}`;
    const { refreshToken } = (await signIn(client, user)).body;
    const exchange = () => client.post('/v1/refresh', { refreshToken });
    return {
      act: exchange,
      count: `SELECT sum(counter)::int AS answer FROM sessions t JOIN accounts a ON a.id = t.account_id WHERE a.username = '${user}'`,
      async again() {
        const [one, other] = [await exchange(), await exchange()];
        const isSame = one.body.refreshToken === other.body.refreshToken;
        return answered(one, 200) ?? answered(other, 200) ?? (isSame ? null : 'it has two children');
      },
    };
  },
};

const signOut: Trial = {
  name: 'sign-out',
  behind: 'UPDATE sessions SET ended_at',
  bytes: 'COMMIT',
  repeats: false,
  async begin(client, number) {
    const user = `user${number * USERS_PER_TRIAL + 2}`;
    const { accessToken } = (await signIn(client, user)).body;
    const end = () => client.post('/v1/sign-out', {}, accessToken);
    return {
      act: end,
      count: `${countOf('sessions', user)} AND t.ended_at IS NOT NULL`,
      again: async (wasDone) => answered(await end(), wasDone ? 401 : 204),
    };
  },
};

const oneUseCode: Trial = {
  name: 'one-use code',
  behind: 'UPDATE resource_codes',
  bytes: 'COMMIT',
  repeats: false,
  async begin(client, number) {
    const resource = `voucher::drill::code::CODE${number}`;
    const spend = () => client.post('/api/v1/auth/sign-in', { type: 'resource', data: { resource } });
    return {
      act: spend,
      count: 'SELECT sum(uses)::int AS answer FROM resource_codes',
      async again(wasDone) {
        const answer = await spend();
        return (answer.status === 200) === wasDone ? `repeated it is answered ${answer.status}` : null;
      },
    };
  },
};

const signUp: Trial = {
  name: 'sign-up',
  behind: 'INSERT INTO accounts',
  bytes: 'COMMIT',
  repeats: false,
  async begin(client, number) {
    const email = `unknown${number}@example.org`;
    const person = { email, password: 'quite a long password', first_name: 'New', last_name: 'Person' };
    const ask = () => client.post('/api/v1/auths/sign-up', person);
    return {
      act: ask,
      count: `SELECT count(*)::int AS answer FROM accounts WHERE email = '${email}'`,
      again: async (wasDone) => answered(await ask(), wasDone ? 409 : 201),
    };
  },
};

const passwordChange: Trial = {
  name: 'password change',
  behind: 'SET password_hash = $3 WHERE id = $1 AND epoch = $2',
  bytes: 'COMMIT',
  repeats: false,
  async begin(client, number) {
    const user = `changes${number}`;
    const password = `new-${number}-${Math.random()}`;
    const { accessToken } = (await signIn(client, user)).body;
    const change = () =>
      client.post('/v1/password/change', { currentPassword: PASSWORD, password }, accessToken);
    return {
      act: change,
      count: `${countOf('audit', user)} AND t.event = 'password.changed'`,
      async again(wasDone) {
        const first = wasDone ? null : answered(await change(), 200, 204);
        const [byOld, byNew] = [await signIn(client, user), await signIn(client, user, password)];
        return first ?? answered(byOld, 401) ?? answered(byNew, 200);
      },
    };
  },
};

const wrongPassword: Trial = {
  name: 'failure counted',
  behind: 'failures = failures + 1',
  bytes: 'COMMIT',
  repeats: true,
  async begin(client, number) {
    const user = `guessed${number}`;
    const guess = () => signIn(client, user, WRONG_PASSWORD);
    return {
      act: guess,
      count: `SELECT coalesce(sum(failures), 0)::int AS answer FROM attempts t
        JOIN accounts a ON t.key = 'password:account:' || a.id WHERE a.username = '${user}'`,
      again: async () => answered(await guess(), 401),
    };
  },
};

const mailedCode: Trial = {
  name: 'code mailed',
  behind: 'INSERT INTO tickets',
  bytes: 'COMMIT',
  repeats: true,
  async begin(client, number) {
    const user = `mailed${number}`;
    return {
      act: () => signIn(client, user),
      count: countOf('tickets', user),
      again: async () => answered(await signIn(client, user), 403),
    };
  },
};

/** One of each kind. */
export const TRIALS: readonly Trial[] = [
  sessionBegins,
  refresh,
  signOut,
  oneUseCode,
  signUp,
  passwordChange,
  wrongPassword,
  mailedCode,
];
