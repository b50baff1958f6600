import type { Answer, TestApp } from './app.ts';
import { uuid } from './core.ts';
import { ALL_DOORS } from './doors.ts';

/** A password as a line of the directory gives it. */
export type GivenPassword = { readonly password: string } | { readonly passwordHash: string };

/** Somewhere that a password is typed, and the line of the directory that sets it. People and things go by a number. */
export interface PasswordPlace {
  readonly name: string;
  /** The most code points that the contract takes. */
  readonly limit: number;
  lineFor(who: number, given: GivenPassword): object;
  signIn(app: TestApp, who: number, password: string): Promise<Answer>;
  readonly isSignedIn: (answer: Answer) => boolean;
  readonly accessTokenOf: (answer: Answer) => string | undefined;
  /** Where the password is stored. */
  rowOf(who: number): { table: 'accounts' | 'installations'; id: string };
  storedHash(app: TestApp, who: number): Promise<string | null>;
}

const emailOf = (who: number) => `place${who}@example.com`;
const installationOf = (who: number) => `installation-${who}-`.padEnd(32, '0');

/** Every door, and the installations that sign in by themselves. */
export const PASSWORD_PLACES: readonly PasswordPlace[] = [
  ...ALL_DOORS.map(
    (door): PasswordPlace => ({
      name: door.contract,
      limit: door.contract === 'credential-type' ? 256 : 1024,
      lineFor: (who, given) => ({
        kind: 'account',
        id: uuid(who),
        email: emailOf(who),
        emailValidated: true,
        ...given,
      }),
      signIn: (app, who, password) =>
        app.post(door.path, door.body({ email: emailOf(who), password }), door.headers),
      isSignedIn: door.isSignedIn,
      accessTokenOf: ({ body }) =>
        body.data?.token ?? body.accessToken ?? body.access_token ?? body.authorization?.token,
      rowOf: (who) => ({ table: 'accounts', id: uuid(who) }),
      async storedHash(app, who) {
        const [record] = await app.core.store.accountRecords.byIds([uuid(who)]);
        return record?.passwordHash ?? null;
      },
    }),
  ),
  {
    name: 'an installation',
    limit: 256,
    lineFor: (who, given) => ({ kind: 'installation', installationId: installationOf(who), ...given }),
    signIn: (app, who, password) =>
      app.post('/api/v1/auth/sign-in', {
        type: 'mobile-device',
        data: { installationId: installationOf(who), password },
      }),
    isSignedIn: ({ status }) => status === 200,
    accessTokenOf: ({ body }) => body.authorization?.token,
    rowOf: (who) => ({ table: 'installations', id: installationOf(who) }),
    async storedHash(app, who) {
      return (await app.core.store.installations.record(installationOf(who)))?.passwordHash ?? null;
    },
  },
];
