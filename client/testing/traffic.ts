import type { Fetch } from '../src/connection.ts';

/** A `fetch` that goes to the server, and remembers what went there. */
export interface Traffic {
  readonly fetch: Fetch;
  /** Method and path of every request, in order. */
  readonly requests: readonly string[];
  /** How often a request went out. */
  count(request: string): number;
  /** Puts something in the way of one kind of request; null takes it away again. */
  meet(request: string, instead: ((request: Request) => Promise<Response>) | null): void;
}

/** Watches the traffic of a client. */
export function watchTraffic(): Traffic {
  const requests: string[] = [];
  const obstacles = new Map<string, (request: Request) => Promise<Response>>();
  return {
    requests,
    fetch(input, init) {
      const request = new Request(input, init);
      const name = `${request.method} ${new URL(request.url).pathname}`;
      requests.push(name);
      return obstacles.get(name)?.(request) ?? fetch(request);
    },
    count: (name) => requests.filter((each) => each === name).length,
    meet(name, instead) {
      if (instead) obstacles.set(name, instead);
      else obstacles.delete(name);
    },
  };
}

/** An answer as a server gives it. */
export function jsonReply(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(body === null ? null : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** Holds requests of one kind back until they are let go. */
export function holdBack(
  traffic: Traffic,
  name: string,
): { readonly reached: Promise<void>; readonly letGo: () => void } {
  const [reached, reach] = signalled();
  const [released, letGo] = signalled();
  traffic.meet(name, async (request) => {
    reach();
    await released;
    return fetch(request);
  });
  return { reached, letGo };
}

function signalled(): [Promise<void>, () => void] {
  let signal = () => {};
  const promise = new Promise<void>((resolve) => {
    signal = resolve;
  });
  return [promise, signal];
}
