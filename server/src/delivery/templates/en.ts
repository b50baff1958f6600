import type { LocaleTemplates } from './locale-templates.ts';

const UNTIL = 'It can be used once, until {time}.';
const NO_CHANGE = 'If you did not ask for it, do nothing: without the code, nothing changes.';
const KNOWS_PASSWORD =
  'If it was not you, somebody else knows your password: do not give this code to anybody, and change your password.';
const NOT_YOU =
  'If it was not you, somebody else can get into your account: set a new password now, look through your sessions and devices, and tell whoever runs this service.';

/** English. */
export const en: LocaleTemplates = {
  dates: 'en-GB',
  text: '{code} is your {service} code. Do not give it to anybody.',
  factors: {
    totp: 'an authenticator app',
    email: 'codes by e-mail',
    'recovery-codes': 'a set of recovery codes',
    passkey: 'a passkey',
  },
  unknownDevice: 'unknown',
  messages: {
    'sign-in-code': {
      subject: 'Your sign-in code',
      paragraphs: [
        'This is the code for the sign-in that was just begun with your account:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'device-code': {
      subject: 'Confirm your new device',
      paragraphs: [
        'Somebody is signing in to your account from a device that we do not know yet. If it is you, this code confirms it:',
        '{code}',
        UNTIL,
        KNOWS_PASSWORD,
      ],
    },
    'address-code': {
      subject: 'Confirm your address',
      paragraphs: ['This code shows that messages to this address reach you:', '{code}', UNTIL, NO_CHANGE],
    },
    'sign-up-code': {
      subject: 'Finish signing up',
      paragraphs: [
        'This code completes the account that was just begun with this address:',
        '{code}',
        UNTIL,
        'If you did not ask for it, do nothing: without the code, no account is made.',
      ],
    },
    'validation-code': {
      subject: 'Confirm your account',
      paragraphs: [
        'This code confirms your account. Type it where you were asked for it, with your password:',
        '{code}',
        UNTIL,
        NO_CHANGE,
      ],
    },
    'reset-code': {
      subject: 'Set a new password',
      paragraphs: [
        'Somebody asked for a new password for your account. If it was you, this code sets it:',
        '{code}',
        UNTIL,
        'If it was not you, do nothing: your password stays as it is. Do not give this code to anybody.',
      ],
    },
    'account-locked': {
      subject: 'Your account is locked for now',
      paragraphs: [
        'A wrong password was given for your account {failures} times in a row, so it is locked. Until that ends, no password is even looked at.',
        'It ends by itself on {time}. Before that, a password reset ends it, or an administrator who unlocks the account.',
        'If it was not you, there is nothing you need to do: your password was not found.',
      ],
    },
    'signed-in-after-failures': {
      subject: 'Your account was signed in to after many wrong passwords',
      paragraphs: [
        'On {time}, somebody signed in to your account with the right password, after {failures} wrong ones.',
        'If it was you, there is nothing you need to do.',
        'If it was not you, change your password now and end the sessions that you do not know.',
      ],
    },
    'sign-up-known': {
      subject: 'You have an account already',
      paragraphs: [
        'On {time} somebody began to sign up with this address, which has an account already.',
        'If it was you, sign in, or ask for a new password. If it was not you, there is nothing you need to do.',
      ],
    },
    'password-changed': {
      subject: 'Your password was changed',
      paragraphs: [
        'The password of your account was changed on {time}. Your other sessions have ended.',
        NOT_YOU,
      ],
    },
    'factor-added': {
      subject: 'Your second factors have changed',
      paragraphs: ['On {time}, {factor} was added to your account.', NOT_YOU],
    },
    'factor-removed': {
      subject: 'Your second factors have changed',
      paragraphs: ['On {time}, {factor} was removed from your account.', NOT_YOU],
    },
    'recovery-code-used': {
      subject: 'A recovery code was used',
      paragraphs: [
        'On {time}, a recovery code was used to sign in to your account. {left} are left.',
        NOT_YOU,
      ],
    },
    'email-changed': {
      subject: 'Your e-mail address was changed',
      paragraphs: [
        'On {time}, your account was given another e-mail address. Messages go there from now on.',
        NOT_YOU,
      ],
    },
    'phone-changed': {
      subject: 'Your phone number was changed',
      paragraphs: ['On {time}, your account was given another phone number.', NOT_YOU],
    },
    'new-device': {
      subject: 'A sign-in from a new device',
      paragraphs: [
        'Your account was signed in to on {time} from a device that we had not seen before.',
        'Device: {device}. Address: {where}.',
        `If it was you, there is nothing you need to do. ${NOT_YOU}`,
      ],
    },
  },
};
