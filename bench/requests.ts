import { Agent, request } from 'node:http';

const AT_ONCE = 64;
const BUSY_MILLISECONDS = 500;

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

/** One POST; gives the status and the body. */
export function ask(
  url: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.once('error', reject).end(body);
  });
}

/** Does that many things, a few at a time. */
export async function times(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The same for what is only prepared: a machine that is busy with other things has no time to hash at once. */
export async function askUntilServed(
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<{ status: number; text: string }> {
  for (;;) {
    const answer = await ask(url, headers, body);
    if (answer.status !== 503) return answer;
    await new Promise((resolve) => setTimeout(resolve, BUSY_MILLISECONDS));
  }
}
