import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { makeWorkplace, type RunningServer } from '../../testing/process.ts';
import { rawSend } from '../../testing/raw-request.ts';
import { remoteServer } from '../../testing/remote.ts';

/** A text that would be a line of its own, a colour, and a moved cursor, if anybody wrote it down as it is. */
const FORGERY = 'Ada\r\n{"level":50,"msg":"forged"}\nforged  line\u001b[31m\u001b[2A\u009b31m\u007f\b';
const PASSWORD = 'the password of whoever forges';
const DEVICE = 'the device of whoever forges';

// LG-3: whatever somebody is called, or calls something, is a text in a line and not a line.
describe('LG-3: a field that looks like a line', () => {
  const work = makeWorkplace({ LATCHKEY_LOG_LEVEL: 'trace', LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  let server: RunningServer;
  beforeAll(async () => {
    const lines = [
      { kind: 'organisation', id: uuid(1), name: FORGERY, accountName: FORGERY },
      { kind: 'role', name: `Role ${FORGERY}`, permissions: [FORGERY] },
      {
        ...{ kind: 'account', id: uuid(2), username: 'ada', organisation: uuid(1), emailValidated: true },
        ...{ password: PASSWORD, user: { name: FORGERY, firstName: FORGERY, lastName: FORGERY } },
        ...{ recogniseDevices: true, devices: [DEVICE] },
      },
      { kind: 'membership', account: uuid(2), organisation: uuid(1), role: `Role ${FORGERY}` },
      { kind: 'installation', installationId: `installation ${FORGERY}`, password: 'p'.repeat(40) },
    ].map((line) => JSON.stringify(line));
    const loaded = await work.run(['import', '-'], { input: lines.join('\n') });
    expect(loaded.code, loaded.stderr).toBe(0);
    server = await work.serve();
    const { post } = remoteServer(server.url);
    const headers = { 'x-fingerprint-id': DEVICE };
    const signedIn = await post('/identity/sign-in', { username: 'ada', password: PASSWORD }, headers);
    expect(signedIn.status, JSON.stringify(signedIn.body)).toBe(200);
    await post('/identity/sign-in', { username: FORGERY, password: FORGERY }, headers);
    await post('/auth/sign-in-verify', { identity: FORGERY, password: FORGERY });
    const resource = `voucher::context${FORGERY}::code::X`;
    await post('/api/v1/auth/sign-in', { type: 'resource', data: { resource } });
    const data = { installationId: `installation ${FORGERY}`, password: 'q'.repeat(40) };
    await post('/api/v1/auth/sign-in', { type: 'mobile-device', data });
    await rawSend(
      server.url,
      'POST /auth/login?q=%0d%0aforged',
      [
        'Content-Type: application/json',
        'User-Agent: {"level":50,"msg":"forged"}\tforged',
        'X-Forwarded-For: forged',
      ],
      JSON.stringify({ username: 'ada', password: PASSWORD }),
    );
    const bearer = { authorization: `Bearer ${signedIn.body.data.token}` };
    const { devices } = (await (await fetch(`${server.url}/v1/devices`, { headers: bearer })).json()) as {
      devices: { id: string }[];
    };
    const named = await post(`/v1/devices/${devices[0]?.id}`, { name: FORGERY }, bearer);
    expect([200, 204, 422, 400]).toContain(named.status);
  });
  afterAll(() => work.remove());

  test.each([
    ['audit', '--since', '1h'],
    ['audit', '--json'],
    ['account', 'show', 'ada'],
    ['session', 'list', 'ada'],
    ['organisation', 'list'],
    ['installation', 'list'],
    ['account', 'list', '--json'],
  ])('is none for what the command line prints: %s %s', async (...args) => {
    const { stdout, stderr } = await work.run(args);
    expect(stdout.length, stderr).toBeGreaterThan(20);
    expectOneLineEach(stdout);
    expectOneLineEach(stderr);
  });

  test('is none in the log', async () => {
    const { stdout, stderr } = await server.end('SIGTERM');
    expectOneLineEach(stdout);
    expectOneLineEach(stderr);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines.filter((each) => !each.startsWith('listening')))
      expect(JSON.parse(line)).not.toMatchObject({ msg: 'forged' });
  });
});

/** Nothing that a terminal obeys, and nothing that begins a line which it should stand in. */
function expectOneLineEach(text: string): void {
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  expect(text).not.toMatch(/^(?:forged|\{"level":50,"msg":"forged")/m);
}
