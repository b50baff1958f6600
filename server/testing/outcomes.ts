import type { AccountWithMemberships, Organisation, Role } from '../src/accounts/account.ts';
import { viewAccount } from '../src/accounts/view.ts';
import { DECLINES } from '../src/commands/decline.ts';
import type { OwnPasskey } from '../src/commands/passkeys.ts';
import { type Outcome, REFUSALS } from '../src/sign-in/attempt.ts';
import { uuid } from './core.ts';

/** Texts of an account that no wire may ever show. */
export const HIDDEN = { passwordHash: '$argon2id$v=19$hidden-hash', totpSealed: 'v1.hidden-seed' };

const AT = Date.UTC(2026, 10, 22, 10, 30);

const organisation: Organisation = {
  id: uuid(1),
  name: 'Meadow University',
  accountName: 'meadow',
  parentId: null,
  isActive: true,
  isSuspended: false,
  isPaid: true,
  settings: { mfaForTeachers: true, list: [5, 3] },
};
const student: Role = { name: 'Student', permissions: ['course:read'], admin: null };
const teacher: Role = { name: 'Teacher', permissions: ['course:write', 'course:read'], admin: 'group' };

const account: AccountWithMemberships = {
  id: uuid(2),
  number: 17,
  home: organisation,
  user: {
    id: uuid(3),
    name: 'Ada Winter',
    firstName: 'Ada',
    lastName: 'Winter',
    avatar: 'https://example.com/ada.png',
  },
  username: 'ada',
  email: 'ada@example.com',
  phone: '+34600111222',
  passwordHash: HIDDEN.passwordHash,
  status: 'active',
  emailValidated: true,
  phoneValidated: false,
  createdAt: Date.UTC(2024, 4, 1, 10),
  factors: { email: true, totpSealed: HIDDEN.totpSealed, hasPasskey: true },
  resetByMailAt: null,
  recogniseDevices: true,
  role: null,
  stats: { courses: 3 },
  locale: null,
  epoch: 4,
  signIns: 12,
  failedSignIns: 3,
  memberships: [
    { organisation, role: student },
    { organisation, role: teacher },
  ],
};
const view = viewAccount(account, null);
const tokens = {
  accessToken: 'access.token.here',
  refreshToken: 'refresh.token.here',
  opaqueToken: 'O'.repeat(80),
};
const choice = { role: 'Student', organisation };

const passkey: OwnPasskey = {
  id: 'Y3JlZGVudGlhbA',
  name: 'A phone',
  isSynced: true,
  isBackedUp: true,
  createdAt: AT,
  lastUsedAt: null,
};

/** One of every kind of outcome that the corridor can have, and of every refusal. */
export const SAMPLE_OUTCOMES: Readonly<Record<string, Outcome>> = {
  'signed in': {
    kind: 'signed-in',
    mount: 'sample',
    principal: { kind: 'account', view, picked: null },
    tokens,
    at: AT,
    steppedUp: false,
  },
  'signed in with a picked role, after a step': {
    kind: 'signed-in',
    mount: 'sample',
    principal: { kind: 'account', view, picked: { role: teacher, organisation } },
    tokens,
    at: AT,
    steppedUp: true,
  },
  'signed in as an installation': {
    kind: 'signed-in',
    mount: 'sample',
    principal: { kind: 'installation', id: 'an-installation', view },
    tokens: { ...tokens, refreshToken: null, opaqueToken: null },
    at: AT,
    steppedUp: false,
  },
  'signed in with a resource code': {
    kind: 'signed-in',
    mount: 'sample',
    principal: { kind: 'resource', resource: 'voucher::context::code::A1B2C3' },
    tokens: { ...tokens, refreshToken: null, opaqueToken: null },
    at: AT,
    steppedUp: false,
  },
  choices: {
    kind: 'choices',
    granted: [{ ...choice, ticket: 'T'.repeat(80), asksSecondFactor: false }],
    refused: [
      { ...choice, reason: 'bad-credentials' },
      { role: '', organisation: null, reason: 'account-inactive' },
      {
        ...choice,
        organisation: { ...organisation, settings: null, isSuspended: true },
        reason: 'organisation-suspended',
      },
      { ...choice, reason: 'account-not-validated' },
    ],
  },
  'a second factor is due': {
    kind: 'step-required',
    step: 'second-factor',
    ticket: 'ticket',
    decoy: 'decoy',
    view,
    at: AT,
  },
  'a device is due': {
    kind: 'step-required',
    step: 'device',
    ticket: 'ticket',
    decoy: 'decoy',
    view,
    at: AT,
  },
  resent: { kind: 'resent' },
  refreshed: {
    kind: 'refreshed',
    tokens: { ...tokens, opaqueToken: null },
    principal: { kind: 'account', view, picked: null },
    signedInAt: AT,
  },
  me: { kind: 'me', view, signedInAt: AT, effectiveOrganisation: organisation.id },
  'signed out': { kind: 'signed-out' },
  sessions: {
    kind: 'sessions',
    sessions: [
      {
        id: uuid(5),
        isCurrent: true,
        mount: 'sample',
        device: 'abcdef012345',
        address: '192.0.2.7',
        userAgent: 'Chrome on Windows',
        organisation: organisation.id,
        role: 'Teacher',
        createdAt: AT,
        lastUsedAt: AT + 60_000,
      },
      {
        id: uuid(6),
        isCurrent: false,
        mount: 'sample',
        device: null,
        address: null,
        userAgent: null,
        organisation: null,
        role: null,
        createdAt: AT,
        lastUsedAt: AT,
      },
    ],
  },
  'signed up': { kind: 'signed-up', id: uuid(8), role: '', at: AT },
  challenge: { kind: 'challenge', challenge: 'C'.repeat(48) },
  'code sent': { kind: 'code-sent', ticket: 'ticket' },
  accepted: { kind: 'accepted' },
  done: { kind: 'done' },
  devices: {
    kind: 'devices',
    devices: [
      {
        id: 'Zm9vYmFyLWJh',
        name: 'Ada’s laptop',
        createdAt: Date.UTC(2026, 10, 22, 14, 5),
        lastUsedAt: Date.UTC(2026, 10, 23, 9, 30),
        isCurrent: true,
      },
      {
        id: 'c29tZXRoaW5n',
        name: null,
        createdAt: Date.UTC(2026, 10, 20, 8),
        lastUsedAt: Date.UTC(2026, 10, 20, 8),
        isCurrent: false,
      },
    ],
  },
  validated: { kind: 'validated', email: 'ada@example.com' },
  ...Object.fromEntries(
    DECLINES.map((reason): [string, Outcome] => [`declined: ${reason}`, { kind: 'declined', reason }]),
  ),
  'passkey options': { kind: 'passkey-options', ticket: 'ticket', options: { challenge: 'Y2hhbGxlbmdl' } },
  'passkey options for a ticket that is there': {
    kind: 'passkey-options',
    ticket: null,
    options: { challenge: 'Y2hhbGxlbmdl' },
  },
  'passkey added': { kind: 'passkey-added', passkey },
  passkeys: {
    kind: 'passkeys',
    passkeys: [passkey, { ...passkey, name: null, isSynced: false, isBackedUp: false, lastUsedAt: AT }],
  },
  factors: {
    kind: 'factors',
    factors: {
      email: { isOn: true, address: 'a***@example.com' },
      totp: { isOn: false },
      recoveryCodes: { left: 9 },
    },
  },
  'factors of an account without an address': {
    kind: 'factors',
    factors: {
      email: { isOn: false, address: null },
      totp: { isOn: true },
      recoveryCodes: { left: 0 },
    },
  },
  'an authenticator app can be set up': {
    kind: 'enrolment',
    ticket: 'ticket',
    totp: { secret: 'A'.repeat(32), uri: 'otpauth://totp/…', qr: '<svg></svg>' },
  },
  'a code was mailed to begin with': { kind: 'enrolment', ticket: 'ticket', totp: null },
  'recovery codes': {
    kind: 'recovery-codes',
    codes: ['AAAA-BBBB-CCCC-DDDD-EEEE-FFFF', 'GGGG-HHHH-IIII-JJJJ-KKKK-LLLL'],
  },
  'no recovery codes': { kind: 'recovery-codes', codes: [] },
  'sessions ended': { kind: 'sessions-ended', count: 3 },
  active: {
    kind: 'active',
    session: {
      principal: { kind: 'account', id: account.id },
      account: account.id,
      organisation: organisation.id,
      role: 'Teacher',
      effectiveOrganisation: uuid(7),
      scopes: ['course:read', 'course:write'],
      methods: ['pwd', 'otp', 'mfa'],
      issuedAt: AT,
      expiresAt: AT + 3_600_000,
    },
  },
  'active, for nobody in particular': {
    kind: 'active',
    session: {
      principal: { kind: 'resource', id: 'voucher::context::code::A1B2C3' },
      account: null,
      organisation: null,
      role: null,
      effectiveOrganisation: null,
      scopes: [],
      methods: ['code'],
      issuedAt: AT,
      expiresAt: AT + 3_600_000,
    },
  },
  ...Object.fromEntries(
    REFUSALS.map((reason): [string, Outcome] => [
      `refused: ${reason}`,
      { kind: 'refused', reason, resendCode: reason === 'account-not-validated' ? uuid(9) : null },
    ]),
  ),
  throttled: { kind: 'throttled', retryAfterSeconds: 30 },
  overloaded: { kind: 'overloaded', retryAfterSeconds: 2 },
};
