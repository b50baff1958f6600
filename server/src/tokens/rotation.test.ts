import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { type App, buildApp } from '../app.ts';
import { auditEvent } from '../audit/event.ts';
import { recordAudit } from '../store/audit.ts';

const PUBLISH_SECONDS = 300;
const TOKEN_SECONDS = 700;
const STEP_SECONDS = 100;

const told = () => recordAudit(auditEvent({ at: 0, event: 'key.rotated' }));

// Two servers on one store, whose clock is moved. Their own timers look for new keys once a second; the test does it at
// the moments when they would have.
describe.each(ENGINES)('RL-12: rotation while serving, on %s', (engine) => {
  let app: TestApp;
  let other: App;
  let urls: readonly string[];
  let person: Person;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_KEYS_PUBLISH_SECONDS: String(PUBLISH_SECONDS),
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', accessTokenSeconds: TOKEN_SECONDS }]),
    });
    other = await buildApp(app.core.config, { ...app.core, publicUrl: () => app.url });
    await other.server.listen({ host: '127.0.0.1', port: 0 });
    urls = [app.url, `http://127.0.0.1:${(other.server.server.address() as AddressInfo).port}`];
    person = await app.person();
  });
  afterAll(async () => {
    await other.close();
    await app.stop();
  });

  const signIn = async (url: string): Promise<string> => {
    const { username, password } = person;
    const body = JSON.stringify({ username, password });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/auth/login`, { method: 'POST', headers, body });
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  const isActive = async (url: string, token: string): Promise<boolean> => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/v1/session`, { headers });
    return ((await answer.json()) as { active: boolean }).active;
  };
  const jwksOf = async (url: string) =>
    (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  const expectGood = async (token: string, cached: JSONWebKeySet): Promise<void> => {
    for (const url of urls) expect(await isActive(url, token)).toBe(true);
    const currentDate = new Date(app.core.clock.now());
    await jwtVerify(token, createLocalJWKSet(cached), { currentDate, issuer: app.url });
  };
  const reloadBoth = () => Promise.all([app.app.keyRing.reload(), other.keyRing.reload()]);

  test('no token that is good is refused during ten rotations, by either server or whoever caches the JWKS', async () => {
    let cached = { keys: await jwksOf(app.url), at: app.core.clock.now() };
    const live: { token: string; until: number }[] = [];
    const signers = new Set<string>();
    for (let step = 0; step < 50; step += 1) {
      const now = app.core.clock.now();
      if (step % 5 === 0) await (step % 2 === 0 ? app.app : other).keyRing.rotate('ES256', told);
      await reloadBoth();
      // A resource server reads the JWKS again when its copy is as old as it may be, and no sooner.
      if (now - cached.at >= PUBLISH_SECONDS * 1000)
        cached = { keys: await jwksOf(urls[step % 2] ?? ''), at: now };
      for (const url of urls) {
        const token = await signIn(url);
        live.push({ token, until: now + TOKEN_SECONDS * 1000 });
        signers.add(String(readJwt(token).header.kid));
      }
      for (const { token } of live.filter(({ until }) => until > now)) await expectGood(token, cached.keys);
      app.core.clock.advance(STEP_SECONDS);
    }
    expect(signers.size).toBeGreaterThanOrEqual(10);
    expect((await jwksOf(app.url)).keys.length).toBeLessThan(10);
  });

  test('an emergency ends the keys before it on both servers', async () => {
    const tokens = await Promise.all(urls.map(signIn));
    await app.app.keyRing.rotate('ES256', told, { emergency: true });
    await other.keyRing.reload();
    for (const url of urls) {
      for (const token of tokens) expect(await isActive(url, token)).toBe(false);
      expect((await jwksOf(url)).keys).toHaveLength(1);
      expect(await isActive(url, await signIn(url))).toBe(true);
    }
  });

  test('the schedule replaces keys that are old, once, however many servers look', async () => {
    app.core.clock.advance(100);
    const now = app.core.clock.now();
    const rings = [app.app.keyRing, other.keyRing];
    const rotateAll = (before: number) =>
      Promise.all(rings.map((ring) => ring.rotateIfOlder('ES256', before, told)));
    expect((await rotateAll(now - 150_000)).filter(Boolean)).toHaveLength(0);
    expect((await rotateAll(now - 50_000)).filter(Boolean)).toHaveLength(1);
    expect((await jwksOf(app.url)).keys).toHaveLength(2);
  });

  test('a server replaces keys that have become too old by itself, and writes that down', async () => {
    const { store, clock, config } = app.core;
    const before = (await jwksOf(app.url)).keys.length;
    const rotations = async () =>
      (await store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 1000 })).filter(
        ({ event, detail }) => event === 'key.rotated' && detail?.by === 'schedule',
      );
    expect(await rotations()).toHaveLength(0);
    clock.advance((config.keys.rotateDays + 1) * 86_400);
    // It looks when it starts, and every minute.
    const third = await buildApp(config, { ...app.core, publicUrl: () => app.url });
    await expect.poll(async () => (await rotations()).length).toBe(1);
    await third.close();
    await reloadBoth();
    const keys = (await jwksOf(app.url)).keys;
    expect(keys.length).toBeGreaterThan(1);
    expect(keys.length).toBeLessThanOrEqual(before + 1);
    const old = await signIn(app.url);
    clock.advance(PUBLISH_SECONDS + 5);
    expect(readJwt(await signIn(urls[1] ?? '')).header.kid).not.toBe(readJwt(old).header.kid);
    expect(await isActive(urls[1] ?? '', old)).toBe(true);
  });
});
