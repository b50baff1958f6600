import type { Message, NamedFactor } from '../message.ts';

/** The words of one message. Placeholders stand in braces; a code stands alone in its paragraph. */
export interface WrittenTemplate {
  readonly subject: string;
  readonly paragraphs: readonly string[];
}

/** Everything that is said in one language. A kind of message without words does not compile. */
export interface LocaleTemplates {
  /** The BCP 47 tag that dates are written by. */
  readonly dates: string;
  readonly messages: { readonly [Kind in Message['kind']]: WrittenTemplate };
  /** A code by text message: one short line. */
  readonly text: string;
  /** The factors as they stand in a sentence. */
  readonly factors: Readonly<Record<NamedFactor, string>>;
  /** For a device of which nothing is known. */
  readonly unknownDevice: string;
}
