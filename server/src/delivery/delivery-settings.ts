import { Type } from 'typebox';

const closed = { additionalProperties: false };

const limit = (count: number, description: string) =>
  Type.Integer({ default: count, minimum: 1, maximum: 100_000_000, description });

/** The configuration's `mail`: where mail goes, what it says, and how much of it. */
export const MAIL_SETTINGS = Type.Object(
  {
    url: Type.String({
      default: 'console:',
      pattern: '^(console:|smtps?://.+)$',
      description: '`smtp://…`, `smtps://…`, or `console:`, which prints mails to stderr',
    }),
    from: Type.String({
      default: 'Latchkey <no-reply@localhost>',
      description: 'sender of every mail: `Name <address>` or an address',
    }),
    locale: Type.String({
      default: 'en',
      minLength: 2,
      maxLength: 35,
      description:
        'language of messages to whom neither the account (`attributes.locale`) nor its organisation (`settings.locale`) says another: `en`, `es`, `pt`, `de`, or one that `mail.templates` has',
    }),
    templates: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'folder of your own words, `<organisation or "default">/<locale>/<kind>.txt`; see [mail](mail.md#templates)',
      }),
    ),
    limitUnprovenPerAddress: limit(
      15,
      'mails an hour to one address that anybody can cause: resets, sign-ups, validations',
    ),
    limitProvenPerAddress: limit(
      20,
      'mails an hour to one address that need its account’s password: PINs, codes for devices',
    ),
    limitUnprovenPerSource: limit(
      200,
      'mails an hour that anybody can cause, from one client address (IPv6: its /64)',
    ),
    limitProvenPerSource: limit(
      1000,
      'mails an hour that need a password, from one client address: a school may have one for everybody',
    ),
    limitPerOrganisation: limit(
      5000,
      'mails a day to the accounts of one organisation; what anybody can cause has half of it at most',
    ),
    limitPerDay: limit(10_000, 'mails a day; what anybody can cause has half of it at most'),
  },
  closed,
);

/** The configuration's `sms`: where text messages go, and how many. */
export const SMS_SETTINGS = Type.Object(
  {
    url: Type.String({
      default: 'console:',
      pattern: '^(console:|https?://.+)$',
      description:
        'the `http://…` or `https://…` address of a provider that takes `{to, from, text}` by POST, or `console:`, which prints text messages to stderr',
    }),
    from: Type.String({
      default: 'Latchkey',
      minLength: 1,
      maxLength: 64,
      description: 'sender of every text message: a number, or a name that the provider knows',
    }),
    token: Type.Optional(
      Type.String({ minLength: 1, description: 'sent to the provider as a bearer token' }),
    ),
    limitPerNumber: limit(
      5,
      'text messages an hour to one number that anybody can cause, and as many that need a password',
    ),
    limitPerSource: limit(
      50,
      'text messages an hour from one client address that anybody can cause, and as many that need a password',
    ),
    limitPerPrefix: limit(
      500,
      'text messages a day to the numbers of one country code; what anybody can cause has half of it at most',
    ),
    limitPerDay: limit(1000, 'text messages a day; what anybody can cause has half of it at most'),
  },
  closed,
);

/** The configuration's `geo`: what is known of where addresses are. */
export const GEO_SETTINGS = Type.Object(
  {
    database: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'file in the MMDB format with cities or countries: notices of new devices then say where an address is',
      }),
    ),
  },
  closed,
);
