import type { Command } from 'commander';
import { Argument } from 'commander';
import type { Addressee } from '../accounts/addressee.ts';
import type { Configuration } from '../config.ts';
import { exampleMessage } from '../delivery/example-message.ts';
import type { Message } from '../delivery/message.ts';
import { MESSAGE_KINDS } from '../delivery/template.ts';
import { createWording, wordingOptions } from '../delivery/wording.ts';
import { command, configurationOf } from './command.ts';
import { print } from './output.ts';

interface PreviewOptions {
  readonly locale?: string;
  readonly organisation?: string;
  readonly html?: boolean;
  readonly all?: boolean;
}

/** Whom previews are for. */
const ADA = { name: 'Ada Example', address: 'ada@example.com' };

/** When previews happen: always the same, so that two of them can be compared. */
const AT = Date.UTC(2026, 10, 22, 14, 5);

/** `latchkey mail` */
export function mailCommand(): Command {
  const mail = command('mail', 'what is sent by mail and text message');
  mail.addCommand(
    command('preview', 'print a message as it would be sent, with invented data; nothing is sent')
      .addArgument(new Argument('[kind]', 'which message').choices(MESSAGE_KINDS))
      .option('--locale <tag>', 'language of the account, such as pt-BR (default: mail.locale)')
      .option('--organisation <id>', 'organisation of the account, for its own templates')
      .option('--html', 'print the HTML part')
      .option('--all', 'print every message')
      .action(async (kind: Message['kind'] | undefined, options: PreviewOptions, called: Command) => {
        if ((kind === undefined) === (options.all !== true))
          called.error('error: name one kind of message, or --all of them');
        const kinds = kind === undefined ? MESSAGE_KINDS : [kind];
        const config = configurationOf(called);
        for (const each of kinds) await print(preview(config, each, options));
      }),
  );
  return mail;
}

function preview(config: Configuration, kind: Message['kind'], options: PreviewOptions): string {
  const wording = createWording(wordingOptions(config));
  const addressee: Addressee = {
    name: ADA.name,
    organisations: options.organisation === undefined ? [] : [options.organisation],
    locale: options.locale ?? null,
  };
  const message = exampleMessage(kind, AT);
  const { subject, text, html } = wording.mail(message, addressee, AT);
  if (options.html) return `<!-- preview of ${kind}: invented data, nothing is sent -->\n${html}\n`;
  const { from } = config.mail;
  const headers = [
    `From: ${from.name === '' ? from.address : `${from.name} <${from.address}>`}`,
    `To: ${ADA.name} <${ADA.address}>`,
    `Subject: ${subject}`,
  ];
  const sms = 'expiresAt' in message ? [`As a text message: ${wording.sms(message, addressee, AT)}`, ''] : [];
  return [
    `--- preview of ${kind}: invented data, nothing is sent ---`,
    ...headers,
    '',
    text,
    ...sms,
    '',
  ].join('\n');
}
