// Answers Latchkey's question whether a device that signs up is what it says. This one takes assertions that a shared key of
// the test fleet has signed; one for a shop's app would hand `assertionToken` to App Attest or Play Integrity instead.
//
//   ATTESTATION_SECRET=whsec_… FLEET_KEY=… node verifier.mjs        listens on $PORT, or on a free port, and prints it

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const { ATTESTATION_SECRET, FLEET_KEY, PORT = '0' } = process.env;
if (!ATTESTATION_SECRET || !FLEET_KEY) {
  console.error('ATTESTATION_SECRET and FLEET_KEY must be set');
  process.exit(1);
}
const signed = new Webhook(ATTESTATION_SECRET);

/** What the fleet's devices sign: the challenge and who they are, so that an assertion is good once and for one device. */
function isGenuine({ platform, challenge, installationId, assertionToken }) {
  const expected = createHmac('sha256', FLEET_KEY)
    .update(`${platform}.${challenge}.${installationId}`)
    .digest();
  const shown = Buffer.from(assertionToken, 'base64url');
  return shown.length === expected.length && timingSafeEqual(shown, expected);
}

const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    let ok = false;
    try {
      // Throws when the question is not Latchkey's, or is an old one.
      ok = isGenuine(signed.verify(Buffer.concat(pieces).toString(), request.headers));
    } catch (error) {
      console.error(`refused a question: ${error.message}`);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok }));
  });
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
