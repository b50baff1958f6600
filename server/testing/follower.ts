/** One event that a follower of the revocations was sent. */
export interface Followed {
  readonly event: string;
  readonly id: number | null;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly data: any;
}

/** A follower of the revocations. */
export interface Follower {
  readonly events: readonly Followed[];
  /** Waits until that holds of what was sent so far. */
  until(condition: (events: readonly Followed[]) => boolean): Promise<void>;
  /** The sessions that were revoked so far. */
  sessions(): string[];
  /** When the server ended the stream. */
  readonly ended: Promise<void>;
  stop(): void;
}

const DEADLINE_MILLISECONDS = 10_000;

/** Follows `GET /v1/revocations` as a resource server does. */
export async function follow(url: string, credential: string, lastEventId?: number): Promise<Follower> {
  const stop = new AbortController();
  const headers: Record<string, string> = { authorization: `Bearer ${credential}` };
  if (lastEventId !== undefined) headers['last-event-id'] = String(lastEventId);
  const response = await fetch(`${url}/v1/revocations`, { headers, signal: stop.signal });
  if (response.status !== 200 || !response.body) throw new Error(`answered ${response.status}`);
  const events: Followed[] = [];
  const ended = collect(response.body, events).catch(() => undefined);
  return {
    events,
    ended,
    async until(condition) {
      const deadline = Date.now() + DEADLINE_MILLISECONDS;
      while (!condition(events)) {
        if (Date.now() > deadline) throw new Error(`did not come: ${JSON.stringify(events.slice(-5))}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    sessions: () =>
      events.flatMap(({ event, data }) => (event === 'session-revoked' ? [data.sub_id.session.id] : [])),
    stop: () => stop.abort(),
  };
}

async function collect(body: ReadableStream<Uint8Array>, events: Followed[]): Promise<void> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const piece of body) {
    const blocks = (rest + decoder.decode(piece, { stream: true })).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split('\n').map((line) => [line.split(':')[0], line.slice(line.indexOf(': ') + 2)]),
      );
      if (fields.event === undefined) continue;
      events.push({
        event: fields.event,
        id: fields.id === undefined ? null : Number(fields.id),
        data: JSON.parse(fields.data ?? 'null'),
      });
    }
  }
}
