import { randomBytes } from 'node:crypto';
import type { Answer } from './app.ts';
import { uuid } from './core.ts';
import { DOORS } from './doors.ts';
import { readJwt } from './jwt.ts';
import { RECOVERY_DOORS } from './recovery.ts';
import type { RemoteServer } from './remote.ts';
import type { Secret } from './secrets.ts';
import { STEP_CONTRACTS } from './steps.ts';

/** Somebody in the directory of canaries. */
export interface Canary {
  readonly email: string;
  readonly password: string;
}

/** A directory in which every secret is one of a kind, and the secrets. */
export interface CanaryDirectory {
  readonly lines: readonly object[];
  readonly secrets: Secret[];
  readonly seed: string;
  readonly devices: { readonly known: string; readonly fresh: string; readonly waiting: string };
  readonly installation: { readonly installationId: string; readonly password: string };
  readonly resource: { readonly code: string; readonly full: string };
  who(name: string): Canary;
}

/** A text that is nowhere else, and that every encoding writes in another way. */
export function canary(what: string): string {
  return `Canary "${what}" ${randomBytes(24).toString('base64url')} ü+/&=%<é>`;
}

/** Makes one: for each contract somebody plain, somebody with a mailed code and somebody with TOTP, and a few more. */
export function canaryDirectory(): CanaryDirectory {
  const secrets: Secret[] = [];
  const keep = (what: string, text = canary(what)): string => {
    secrets.push({ what, text, isGuessable: true });
    return text;
  };
  const seed = keep('TOTP seed', base32(randomBytes(20)));
  const people = new Map<string, Canary>();
  const account = (name: string, more: object = {}): object => {
    const person = { email: `${name}@example.com`, password: keep(`password of ${name}`) };
    people.set(name, person);
    return { kind: 'account', id: uuid(people.size), emailValidated: true, ...person, ...more };
  };
  const devices = {
    known: keep('known device', ascii('known device')),
    fresh: keep('fresh device', ascii('fresh device')),
    waiting: keep('waiting device', ascii('waiting device')),
  };
  const installation = {
    installationId: 'an installation of canaries'.padEnd(32, '.'),
    password: keep('password of an installation'),
  };
  const code = keep('resource code', ascii('resource code'));
  const lines = [
    ...STEP_CONTRACTS.flatMap((contract) => [
      account(`plain-${contract}`),
      account(`mailed-${contract}`, { secondFactor: { email: true } }),
      account(`totp-${contract}`, { secondFactor: { totp: seed } }),
      account(`broken-${contract}`),
    ]),
    account('device', { recogniseDevices: true, devices: [devices.known] }),
    account('unvalidated', { emailValidated: false }),
    account('enrolling'),
    ...RECOVERY_DOORS.map(({ contract }) => account(`forgetful-${contract}`, { emailValidated: false })),
    account('inactive', { status: 'inactive' }),
    { kind: 'installation', ...installation },
    { kind: 'resource', context: 'canaries', code, maxUses: 0 },
  ];
  return {
    lines,
    secrets,
    seed,
    devices,
    installation,
    resource: { code, full: `voucher::canaries::code::${code}` },
    who(name) {
      const person = people.get(name);
      if (!person) throw new Error(`there is no ${name}`);
      return person;
    },
  };
}

/** An answer, and what it hands out by itself. */
export interface Recorded {
  readonly request: string;
  readonly text: string;
  readonly shows: readonly Secret[];
}

/** A server that is asked through a recorder, which keeps every answer and every secret that was handed out. */
export interface Recorder extends RemoteServer {
  readonly answers: readonly Recorded[];
  readonly secrets: Secret[];
  /** Something that was typed, or mailed: a secret from now on. */
  type(what: string, text: string): string;
}

/** @param server what is asked @param known secrets from before */
export function recordCanaries(server: RemoteServer, known: readonly Secret[]): Recorder {
  const answers: Recorded[] = [];
  const secrets = [...known];
  const record = (request: string, answer: Answer): Answer => {
    const fresh = handedOut(answer).filter(({ text }) => !secrets.some((secret) => secret.text === text));
    secrets.push(...fresh);
    const { 'x-request-id': id = '', date: _, ...headers } = Object.fromEntries(answer.headers);
    // Answers that differ in nothing else are looked through once.
    const text = `${JSON.stringify(headers)}\n${answer.text.replaceAll(id, '')}`;
    answers.push({ request, text, shows: [...fresh, ...shownAgain(request, answer, secrets)] });
    return answer;
  };
  return {
    url: server.url,
    answers,
    secrets,
    type(what, text) {
      if (!secrets.some((secret) => secret.text === text)) secrets.push({ what, text, isGuessable: true });
      return text;
    },
    request: async (method, path, options) =>
      record(`${method} ${path}`, await server.request(method, path, options)),
    post: async (path, body, headers) => record(`POST ${path}`, await server.post(path, body, headers)),
  };
}

/** The tokens and tickets in an answer. Of a token that is signed, the signature is what nobody could make up. */
function handedOut({ body }: Answer, name = 'an answer'): Secret[] {
  if (typeof body !== 'string') {
    if (typeof body !== 'object' || body === null) return [];
    return Object.entries(body).flatMap(([member, value]) => handedOut({ body: value } as Answer, member));
  }
  if (/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(body)) {
    const { header, payload } = readJwt(body);
    const signature = { what: `signature of ${name}`, text: body.slice(body.lastIndexOf('.') + 1) };
    return header.typ === 'step-up+jwt'
      ? [signature, { what: `ticket in ${name}`, text: String(payload.jti) }]
      : [signature];
  }
  // What is not as long as a token has no unkeyed hash in the store either. A recovery code is one without dashes too.
  if (name === 'secret') return [{ what: name, text: body, isGuessable: true }];
  if (/^(?:[A-Z2-7]{4}-){5}[A-Z2-7]{4}$/.test(body))
    return [body, body.replaceAll('-', '')].map((text) => ({
      what: 'recovery code',
      text,
      isGuessable: true,
    }));
  const isSecret = /^(?:[\w-]{43}|[A-Za-z0-9]{80})$/.test(body) || name === 'resend_code';
  return isSecret ? [{ what: name, text: body }] : [];
}

/** What a contract's documents have it say once more: a PIN that was right, and the code behind a resource's token. */
function shownAgain(request: string, { status, text, body }: Answer, secrets: readonly Secret[]): Secret[] {
  if (status !== 200) return [];
  if (request === 'POST /auth/sign-in-with-2fa') return secrets.filter((secret) => secret.text === body.pin);
  const isResource = text.includes('"resource"') || request === 'POST /api/v1/auth/sign-in';
  return isResource ? secrets.filter(({ what }) => what === 'resource code') : [];
}

/** A text that can be in a header, and in a resource code. */
function ascii(what: string): string {
  return `Canary ${what} ${randomBytes(9).toString('hex')}`;
}

function base32(bytes: Buffer): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? [])
    .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)])
    .join('');
}

/** The body that somebody signs in with at a contract. */
export function bodyFor(
  contract: string,
  who: Canary,
): { path: string; body: object; headers: Record<string, string> } {
  const door = DOORS.find((each) => each.contract === contract);
  if (!door) throw new Error(`there is no door ${contract}`);
  return { path: door.path, body: door.body(who), headers: { ...door.headers } };
}
