import type { MailSink } from '../../server/testing/mail-sink.ts';
import { totpCode } from '../../server/testing/totp.ts';
import type { Answer, Client } from './client.ts';
import { PASSWORD } from './people.ts';

/** Something that clients have in hand and that lets them in, or did. */
export interface Relic {
  readonly kind: 'access token' | 'refresh token' | 'mailed code' | 'reset' | 'authenticator code';
  readonly what: string;
  /** Its text, where others than the server judge it. */
  readonly token: string | null;
  /** Tries it, which may spend it. @returns whether the server takes it */
  readonly isTaken: () => Promise<boolean>;
}

/** What relics are made with. */
export interface RelicWorld {
  readonly client: Client;
  readonly mail: MailSink;
}

/** What `changes0` has for a password from before the backup on. */
export const CHANGED_PASSWORD = 'changed before the backup was made';

interface Signed {
  readonly access: string;
  readonly refresh: string;
}

/** A session's tokens. @throws Error when the sign-in is refused: then there is nothing to show */
export async function signIn({ client }: RelicWorld, username: string, password = PASSWORD): Promise<Signed> {
  const { status, body } = await client.post('/auth/login', { username, password });
  if (status !== 200) throw new Error(`${username} is answered ${status}`);
  return { access: body.access_token, refresh: body.refresh_token };
}

/** What was made before the backup: some of it is in hand as it was then, some was ended or spent after it. */
export async function makeBefore(world: RelicWorld) {
  const { client } = world;
  const first = await signIn(world, 'changes0');
  const change = { currentPassword: PASSWORD, password: CHANGED_PASSWORD };
  await expectStatus(client.post('/v1/password/change', change, first.access), 204);
  await expectStatus(spend(client, 'CODE0'), 200);
  const endedBefore = await signIn(world, 'user0');
  await expectStatus(client.post('/auth/logout', {}, endedBefore.access), 204);
  return {
    endedBefore,
    standing: await signIn(world, 'user1'),
    toBeEnded: await signIn(world, 'user2'),
    toBeRotated: await signIn(world, 'user3'),
    open: await beginByMail(world, 'mailed0'),
    toBeProven: await beginByMail(world, 'mailed1'),
    openReset: await askForReset(world, 'changes1'),
    toBeReset: await askForReset(world, 'changes2'),
  };
}

/**
 * Ends, rotates and spends after the backup, and begins what the backup does not know.
 * @returns everything that a cut-off has to end, or that has ended long ago
 */
export async function goOn(world: RelicWorld, before: Awaited<ReturnType<typeof makeBefore>>) {
  const { client } = world;
  const { standing, toBeEnded, toBeRotated, open, toBeProven, openReset, toBeReset } = before;
  await expectStatus(client.post('/auth/logout', {}, toBeEnded.access), 204);
  const rotated: Relic[] = [];
  for (let step = 0, refresh = toBeRotated.refresh; step < 2; step += 1) {
    const { body } = await expectStatus(client.post('/auth/refresh-token', { refresh_token: refresh }), 200);
    refresh = body.refresh_token;
    const signed = { access: body.access_token, refresh };
    rotated.push(...tokensOf(client, `rotated ${step + 1} times since`, signed));
  }
  const proven = await expectStatus(prove(client, toBeProven), 200);
  await expectStatus(reset(client, toBeReset, 'set after the backup was made'), 204);
  await expectStatus(spend(client, 'CODE1'), 200);
  const unknown = await signIn(world, 'user4');
  const unknownAndEnded: Relic[] = [];
  // Their revocations have numbers that the restored store will give again, unless it counts from elsewhere.
  for (let count = 0; count < 4; count += 1) {
    const signed = await signIn(world, 'user5');
    await expectStatus(client.post('/auth/logout', {}, signed.access), 204);
    unknownAndEnded.push(...tokensOf(client, 'begun and ended since', signed));
  }
  const code = totpCode(Date.now());
  const withCode = () => proveByAuthenticator(client, code);
  await expectStatus(withCode(), 200);
  const signedByCode = { access: proven.body.access_token, refresh: proven.body.refresh_token };
  return [
    ...tokensOf(client, 'of a session that stands', standing),
    ...tokensOf(client, 'of a session ended before', before.endedBefore),
    ...tokensOf(client, 'of a session ended since', toBeEnded),
    ...tokensOf(client, 'rotated since', toBeRotated),
    ...rotated,
    ...tokensOf(client, 'begun since, by a code', signedByCode),
    ...tokensOf(client, 'begun since', unknown),
    ...unknownAndEnded,
    relic('mailed code', 'that is out', () => prove(client, open), 200),
    relic('mailed code', 'spent since', () => prove(client, toBeProven), 200),
    relic('reset', 'that is out', () => reset(client, openReset, 'set after the restore'), 204),
    relic('reset', 'used since', () => reset(client, toBeReset, 'set again after the restore'), 204),
    relic('authenticator code', 'used since', withCode, 200),
  ];
}

function tokensOf(client: Client, what: string, { access, refresh }: Signed): Relic[] {
  return [
    {
      ...relic('access token', what, () => client.get('/v1/session', access), 200),
      token: access,
    },
    relic('refresh token', what, () => client.post('/auth/refresh-token', { refresh_token: refresh }), 200),
  ];
}

function relic(kind: Relic['kind'], what: string, ask: () => Promise<Answer>, taken: number): Relic {
  return { kind, what, token: null, isTaken: async () => (await ask()).status === taken };
}

interface Ticket {
  readonly ticket: string;
  readonly code: string;
}

async function beginByMail({ client, mail }: RelicWorld, username: string): Promise<Ticket> {
  const { body } = await expectStatus(client.post('/auth/login', { username, password: PASSWORD }), 401);
  return { ticket: body.extra_attributes.challenge_token, code: await mail.code(`${username}@example.com`) };
}

function prove(client: Client, { ticket, code }: Ticket): Promise<Answer> {
  return client.post('/v1/challenges/verify', { challenge_token: ticket, code });
}

async function proveByAuthenticator(client: Client, code: string): Promise<Answer> {
  const begun = await expectStatus(
    client.post('/auth/login', { username: 'authenticated0', password: PASSWORD }),
    401,
  );
  return prove(client, { ticket: begun.body.extra_attributes.challenge_token, code });
}

async function askForReset({ client, mail }: RelicWorld, identifier: string): Promise<string> {
  await expectStatus(client.post('/v1/password/forgot', { identifier }), 202);
  const { text = '' } = await mail.next(`${identifier}@example.com`);
  return /^[\w-]{43}$/m.exec(text)?.[0] ?? '';
}

function reset(client: Client, token: string, password: string): Promise<Answer> {
  return client.post('/v1/password/reset', { token, password });
}

/** Uses a code that is good once. */
export function spend(client: Client, code: string): Promise<Answer> {
  const data = { resource: `voucher::drill::code::${code}` };
  return client.post('/api/v1/auth/sign-in', { type: 'resource', data });
}

async function expectStatus(asked: Promise<Answer>, status: number): Promise<Answer> {
  const answer = await asked;
  if (answer.status !== status)
    throw new Error(`answered ${answer.status} in the place of ${status}: ${JSON.stringify(answer.body)}`);
  return answer;
}
