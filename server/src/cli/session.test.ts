import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { makeWorkplace, type RunningServer } from '../../testing/process.ts';

const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

describe('SE-3: an operator', () => {
  const work = makeWorkplace();
  let server: RunningServer;
  beforeAll(async () => {
    const ada = { kind: 'account', id: uuid(1), username: 'ada', password: 'the password of ada' };
    await work.run(['import', '-'], { input: JSON.stringify({ ...ada, emailValidated: true }) });
    server = await work.serve();
  });
  afterAll(async () => {
    await server.end('SIGTERM');
    work.remove();
  });

  async function signIn(): Promise<string> {
    const answer = await fetch(`${server.url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': CHROME },
      body: JSON.stringify({ username: 'ada', password: 'the password of ada' }),
    });
    return ((await answer.json()) as { access_token: string }).access_token;
  }
  const isActive = async (token: string): Promise<boolean> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${server.url}/v1/session`, { headers })).status === 200;
  };

  test('lists an account’s sessions, ends one of them, and all', async () => {
    const tokens = [await signIn(), await signIn(), await signIn()];
    const [first = '', second = '', third = ''] = tokens;
    const listed = await work.run(['session', 'list', 'ada', '--json']);
    const sessions = JSON.parse(listed.stdout);
    expect(sessions).toHaveLength(3);
    expect(sessions[0]).toMatchObject({ mount: 'login', userAgent: 'Chrome on Windows', role: null });
    const table = await work.run(['session', 'list', 'ada']);
    expect(table.stdout).toMatch(/^ID +MOUNT +ADDRESS +USER AGENT +ROLE +LAST USED AT\n/);
    expect(table.stdout).not.toContain(first);

    const ended = await work.run(['session', 'end', sessions[1].id]);
    expect(ended).toMatchObject({ code: 0, stderr: `${sessions[1].id} has ended\n` });
    expect(await Promise.all(tokens.map(isActive))).toEqual([true, false, true]);
    const again = await work.run(['session', 'end', sessions[1].id]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/there is no session .+ that has not ended/);
    expect((await work.run(['session', 'end', 'nonsense'])).code).toBe(1);
    expect((await work.run(['session', 'list', 'nobody'])).code).toBe(1);

    expect((await work.run(['account', 'sign-out', 'ada'])).code).toBe(0);
    expect(await Promise.all([first, second, third].map(isActive))).toEqual([false, false, false]);
    expect(JSON.parse((await work.run(['session', 'list', 'ada', '--json'])).stdout)).toEqual([]);
  });
});
