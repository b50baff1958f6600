import Fastify from 'fastify';

// The floor: what Fastify itself can do with a small JSON body, without looking at anything.
const server = Fastify();
server.post('/echo', async (request) => request.body);
await server.listen({ host: '127.0.0.1', port: 0 });
const address = server.server.address();
process.stderr.write(`listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}\n`);
