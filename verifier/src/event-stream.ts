/** A server-sent event that is complete. */
export interface ServerSentEvent {
  readonly name: string;
  readonly data: string;
  /** Null where this event has none. */
  readonly id: string | null;
}

/** No event of the feed comes near it; a stream that goes on without one is broken. */
const LONGEST_EVENT = 262_144;

/**
 * Reads `text/event-stream` (WHATWG HTML, 9.2) from pieces that are cut anywhere. An event whose empty line has not come
 * yet is not there. `retry` is not followed: the feed has waits of its own.
 */
export class EventStreamParser {
  readonly #utf8 = new TextDecoder();
  #rest = '';
  #endedWithReturn = false;
  #name = '';
  #data: string[] = [];
  #dataLength = 0;
  #id: string | null = null;

  /**
   * The events that are complete with this piece.
   * @throws Error when an event grows beyond all measure
   */
  push(piece: Uint8Array): ServerSentEvent[] {
    const lines = this.#linesIn(this.#utf8.decode(piece, { stream: true }));
    const events = lines.flatMap((line) => (line === '' ? this.#complete() : this.#read(line)));
    if (this.#rest.length + this.#dataLength > LONGEST_EVENT)
      throw new Error('the feed sent an event that is too long');
    return events;
  }

  /** The lines that are complete. They end with CR, LF or both, and a piece may end between the two. */
  #linesIn(text: string): string[] {
    if (text === '') return [];
    const fresh = this.#endedWithReturn && text.startsWith('\n') ? text.slice(1) : text;
    this.#endedWithReturn = text.endsWith('\r');
    const lines = (this.#rest + fresh).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? '';
    return lines;
  }

  #read(line: string): [] {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#addData(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return [];
  }

  #addData(value: string): void {
    this.#data.push(value);
    this.#dataLength += value.length + 1;
  }

  #complete(): ServerSentEvent[] {
    const event = { name: this.#name || 'message', data: this.#data.join('\n'), id: this.#id };
    const isEmpty = this.#data.length === 0;
    this.#name = '';
    this.#data = [];
    this.#dataLength = 0;
    this.#id = null;
    return isEmpty ? [] : [event];
  }
}
