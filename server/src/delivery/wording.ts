import type { CodeMessage } from './message.ts';

/** Puts messages into words. */
export interface Wording {
  /** The one short line of a text message: the code, and whose it is. */
  sms(message: CodeMessage): string;
}

/** @param options.service what people call this service */
export function createWording({ service }: { readonly service: string }): Wording {
  return {
    sms: (message) =>
      `${'digits' in message ? message.digits : message.code} is your ${service} code. Do not give it to anybody.`,
  };
}
