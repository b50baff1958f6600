import { randomBytes } from 'node:crypto';
import { describe, expect, inject, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { startMailSink } from '../../testing/mail-sink.ts';
import { createDatabase, freePort } from '../../testing/postgres.ts';
import { makeWorkplace } from '../../testing/process.ts';
import { remoteServer } from '../../testing/remote.ts';
import { hashPassword } from '../crypto/password-hash.ts';

const PASSWORD = 'the password of everybody here';
const passwordHash = hashPassword(PASSWORD, { memoryKib: 256, passes: 1, parallelism: 1 });

/** How many mails are queued: the promise is a thousand, which takes a minute; `QUEUED_MAILS=1000` shows it. */
const MAILS = Number(process.env.QUEUED_MAILS ?? 120);
const AT_ONCE = 10;
const TEST_MILLISECONDS = 90_000 + 500 * MAILS;

describe.each(ENGINES)('RL-5: mails that wait for a server that is away, on %s', (engine) => {
  test(
    'survive that the process is killed, each of them, and go out when both are back',
    async () => {
      const port = await freePort();
      const work = makeWorkplace({
        ...(engine === 'postgres' ? { LATCHKEY_STORE_URL: await createDatabase(inject('postgresUrl')) } : {}),
        LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
        LATCHKEY_MAIL_URL: `smtp://127.0.0.1:${port}`,
        LATCHKEY_CHALLENGE_PIN_SECONDS: '3600',
        LATCHKEY_CHALLENGE_TICKET_SECONDS: '3600',
      });
      await work.run(['migrate']);
      const people = Array.from({ length: MAILS }, (_, index) => ({
        kind: 'account',
        id: uuid(index + 1),
        username: `user${index}`,
        email: `user${index}@example.com`,
        emailValidated: true,
        passwordHash,
        secondFactor: { email: true },
      }));
      const input = people.map((line) => JSON.stringify(line)).join('\n');
      expect((await work.run(['import', '-'], { input })).code).toBe(0);

      const server = await work.serve();
      const { post } = remoteServer(server.url);
      /** What was acknowledged: whose code waits, and for which ticket. */
      const tickets = new Map<string, string>();
      const waiting = [...people];
      const killAfter = Math.floor(MAILS * 0.9);
      let killed: Promise<unknown> | undefined;
      const sign = async () => {
        for (let person = waiting.pop(); person; person = waiting.pop()) {
          const answer = await post('/auth/login', { username: person.username, password: PASSWORD }).catch(
            () => null,
          );
          const ticket = answer?.body?.extra_attributes?.challenge_token;
          if (ticket !== undefined) tickets.set(person.email, ticket);
          // In the middle of the others' requests.
          if (tickets.size >= killAfter) killed ??= server.end('SIGKILL');
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, sign));
      await killed;
      expect(tickets.size).toBeGreaterThanOrEqual(killAfter);

      const sink = await startMailSink(port);
      const again = await work.serve();
      const codes = new Map<string, string>();
      for (const email of tickets.keys()) codes.set(email, await sink.code(email));
      const ids = sink.delivered.map(({ messageId }) => messageId);
      expect(new Set(ids).size).toBe(ids.length);

      // The codes are those of the tickets that were handed out before.
      const [email = ''] = tickets.keys();
      const body = { challenge_token: tickets.get(email), code: codes.get(email) };
      expect((await remoteServer(again.url).post('/v1/challenges/verify', body)).status).toBe(200);
      await again.end('SIGTERM');
      work.remove();
      await sink.stop();
    },
    TEST_MILLISECONDS,
  );
});
