import type { Answer, Person, TestApp } from './app.ts';

/** Somebody who is signed in at the native API. */
export interface SignedInOwner {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Asks as them. */
  call(method: string, path: string, body?: object): Promise<Answer>;
  /** Whether the session stands, as introspection has it. */
  isIn(): Promise<boolean>;
  /** What introspection says of how they signed in. */
  methods(): Promise<readonly string[]>;
}

/** Signs somebody in at the native API. @param code where the code of a second factor comes from, when one is asked for */
export async function signInAsOwner(
  app: Pick<TestApp, 'post' | 'request'>,
  { email, password }: Pick<Person, 'email' | 'password'>,
  code?: () => Promise<string> | string,
): Promise<SignedInOwner> {
  const begun = await app.post('/v1/sign-in', { identifier: email, password });
  const answer =
    code === undefined
      ? begun
      : await app.post('/v1/challenges/verify', {
          challenge_token: begun.body.challenge_token,
          code: await code(),
        });
  if (answer.status !== 200) throw new Error(`${email} was not signed in: ${answer.text}`);
  return asOwner(app, answer.body);
}

/** Asks with tokens that are there already. */
export function asOwner(
  app: Pick<TestApp, 'request'>,
  { accessToken, refreshToken }: { accessToken: string; refreshToken: string },
): SignedInOwner {
  const authorization = { authorization: `Bearer ${accessToken}` };
  const call: SignedInOwner['call'] = (method, path, body) =>
    app.request(method, path, {
      headers: { ...authorization, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const inspect = () => call('GET', '/v1/session');
  return {
    accessToken,
    refreshToken,
    call,
    isIn: async () => (await inspect()).body.active,
    methods: async () => (await inspect()).body.amr,
  };
}

/** The six digits in the next mail to somebody that has some; notices before it are passed over. */
export async function mailedCode(
  { mail }: Pick<TestApp, 'mail'>,
  { email }: Pick<Person, 'email'>,
): Promise<string> {
  for (;;) {
    const digits = /\b\d{6}\b/.exec((await mail.next(email)).text ?? '')?.[0];
    if (digits !== undefined) return digits;
  }
}

/** Waits until every mail that was queued has been sent. */
export async function allMailSent({ core }: Pick<TestApp, 'core'>): Promise<void> {
  while ((await core.store.outbox.depth()).waiting > 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The six digits in the mail to somebody that was sent last, once all are. Mails that wait together have no order. */
export async function newestCode(
  app: Pick<TestApp, 'core' | 'mail'>,
  { email }: Pick<Person, 'email'>,
): Promise<string> {
  await allMailSent(app);
  const own = app.mail.delivered.filter(({ recipients }) => recipients.includes(email));
  const digits = own.flatMap(({ text }) => /\b\d{6}\b/.exec(text ?? '')?.[0] ?? []).at(-1);
  if (digits === undefined) throw new Error(`no code was mailed to ${email}`);
  return digits;
}
