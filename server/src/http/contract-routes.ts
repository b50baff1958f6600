import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Contract, Endpoint, Reply, Wire } from '../contracts/contract.ts';
import { execute } from '../execute.ts';
import type { Mount } from '../mount.ts';
import { describeSpan, traced } from '../observability/tracing.ts';
import type { Outcome } from '../sign-in/attempt.ts';
import type { Corridor } from '../sign-in/corridor.ts';
import { callerOf, wireRequestOf } from './caller.ts';

/** Opens every endpoint of a mount: decode, carry out, encode. Nothing else happens at a door. */
export function registerContractRoutes(
  server: FastifyInstance,
  mount: Mount,
  corridor: Corridor,
  onCarriedOut: OnCarriedOut,
): void {
  for (const endpoint of mount.contract.endpoints) {
    server.route({
      method: endpoint.method,
      url: mount.prefix + endpoint.path,
      config: { contract: mount.contract, accepts: endpoint.accepts, quiet: endpoint.method === 'GET' },
      handler: (request, reply) => {
        const work = () => answer(request, reply, { mount, endpoint, corridor, onCarriedOut });
        return request.span === null ? work() : request.span.within(work);
      },
    });
  }
}

interface Door {
  readonly mount: Mount;
  readonly endpoint: Endpoint;
  readonly corridor: Corridor;
  readonly onCarriedOut: OnCarriedOut;
}

/** Is told of each command how it ended: its outcome's kind, and the reason where there is one. */
type OnCarriedOut = (mount: string, command: string, outcome: string) => void;

async function answer(request: FastifyRequest, reply: FastifyReply, door: Door): Promise<FastifyReply> {
  const { contract } = door.mount;
  const decoded = door.endpoint.decode(wireRequestOf(request));
  const wire: Wire = { requestId: request.id, echo: ('echo' in decoded ? decoded.echo : undefined) ?? {} };
  if (!('command' in decoded) && door.endpoint.needsSignUp && !door.mount.allowSignUp)
    return send(reply, encode(contract, { kind: 'declined', reason: 'sign-up-disabled' }, wire));
  if ('reply' in decoded) return send(reply, decoded.reply);
  if ('fault' in decoded) return send(reply, contract.fault(decoded.fault, wire));
  const { command } = decoded;
  const caller = callerOf(request, door.mount.name, request.arrivedAt);
  const outcome = await traced(
    command.kind,
    { 'latchkey.mount': door.mount.name, 'latchkey.contract': contract.name },
    async () => {
      const ended = await execute(door.corridor, command, caller);
      describeSpan({ 'latchkey.outcome': nameOf(ended) });
      return ended;
    },
  );
  door.onCarriedOut(door.mount.name, command.kind, nameOf(outcome));
  if (outcome.kind === 'throttled' || outcome.kind === 'overloaded')
    reply.header('retry-after', outcome.retryAfterSeconds);
  return send(reply, encode(wordedBy(door, outcome), outcome, wire));
}

function nameOf(outcome: Outcome): string {
  return 'reason' in outcome ? `${outcome.kind}: ${outcome.reason}` : outcome.kind;
}

/** The contract that words an outcome: the door's own, but for a sign-in that was completed for another mount. */
function wordedBy(door: Door, outcome: Outcome): Contract {
  if (!door.endpoint.answersForOrigin || outcome.kind !== 'signed-in') return door.mount.contract;
  const origin = door.corridor.mounts.get(outcome.mount);
  if (!origin) throw new Error(`there is no mount ${outcome.mount}`);
  return origin.contract;
}

function encode(contract: Contract, outcome: Outcome, wire: Wire): Reply {
  const encoder = contract.encode[outcome.kind] as (outcome: Outcome, wire: Wire) => Reply;
  return encoder(outcome, wire);
}

/** Sends a contract's reply. */
export function send(reply: FastifyReply, { status, body, headers }: Reply): FastifyReply {
  reply.code(status);
  if (headers) reply.headers(headers);
  if (body === null) return reply.send();
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
}
