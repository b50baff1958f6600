import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Contract, Endpoint, Reply, Wire } from '../contracts/contract.ts';
import { execute } from '../execute.ts';
import type { Mount } from '../mount.ts';
import type { Outcome } from '../sign-in/attempt.ts';
import type { Corridor } from '../sign-in/corridor.ts';
import { callerOf, wireRequestOf } from './caller.ts';

/** Opens every endpoint of a mount: decode, carry out, encode. Nothing else happens at a door. */
export function registerContractRoutes(server: FastifyInstance, mount: Mount, corridor: Corridor): void {
  for (const endpoint of mount.contract.endpoints) {
    server.route({
      method: endpoint.method,
      url: mount.prefix + endpoint.path,
      config: { contract: mount.contract, accepts: endpoint.accepts, quiet: endpoint.method === 'GET' },
      handler: (request, reply) => answer(request, reply, { mount, endpoint, corridor }),
    });
  }
}

interface Door {
  readonly mount: Mount;
  readonly endpoint: Endpoint;
  readonly corridor: Corridor;
}

async function answer(request: FastifyRequest, reply: FastifyReply, door: Door): Promise<FastifyReply> {
  const { contract } = door.mount;
  const decoded = door.endpoint.decode(wireRequestOf(request));
  const wire: Wire = { requestId: request.id, echo: ('echo' in decoded ? decoded.echo : undefined) ?? {} };
  if ('reply' in decoded) return send(reply, decoded.reply);
  if ('fault' in decoded) return send(reply, contract.fault(decoded.fault, wire));
  const outcome = await execute(
    door.corridor,
    decoded.command,
    callerOf(request, door.mount.name, request.arrivedAt),
  );
  if (outcome.kind === 'throttled' || outcome.kind === 'overloaded')
    reply.header('retry-after', outcome.retryAfterSeconds);
  return send(reply, encode(wordedBy(door, outcome), outcome, wire));
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
