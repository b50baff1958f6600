import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Fault } from '../contracts/contract.ts';
import { readForm } from './form.ts';
import { readIJson } from './ijson.ts';

/** The most bytes a request's body may have. */
export const BODY_LIMIT_BYTES = 16 * 1024;

/** Something that is wrong with a request as such: answered in the shape of the contract it was for. */
export class RequestFault extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault);
    this.fault = fault;
  }
}

/** How the bodies that an endpoint may declare are told and read. The type must be exactly one of these spellings. */
const MEDIA = {
  json: { type: /^application\/json(?: *; *charset="?utf-8"?)?$/i, read: readIJson },
  form: { type: /^application\/x-www-form-urlencoded(?: *; *charset="?utf-8"?)?$/i, read: readForm },
} as const;

/** Makes the server read bodies as the endpoint that they are for declares, and nothing else. */
export function registerBodyParser(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  // The type is judged below and nowhere else: where nothing is read, it means nothing.
  server.addHook('onRequest', (request, _reply, done) => {
    request.raw.headers['content-type'] = undefined;
    done();
  });
  server.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES },
    (request, body, done) => {
      try {
        done(null, readBody(request, body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

function readBody(request: FastifyRequest, body: Buffer): unknown {
  const accepts = request.routeOptions.config.accepts;
  // Not an endpoint of ours, or one that takes no body: whatever it is, it is not read.
  if (accepts === undefined || accepts.length === 0 || body.length === 0) return undefined;
  // Of two types, a proxy on the way may have looked at the other one.
  const [type = '', ...others] = request.raw.headersDistinct['content-type'] ?? [];
  const kind = others.length > 0 ? undefined : accepts.find((each) => MEDIA[each].type.test(type));
  if (kind === undefined) throw new RequestFault('unsupported-media-type');
  const read = MEDIA[kind].read(body);
  if (read === undefined) throw new RequestFault('unreadable');
  return read.value;
}
