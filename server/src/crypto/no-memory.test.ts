import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const module = (file: string) => JSON.stringify(new URL(file, import.meta.url));

// The bound is a whole process's: so it is another process's. A hash of 256 MiB does not fit under it, and all else does.
const PROGRAM = `(async () => {
  const { execFileSync } = await import('node:child_process');
  const { readFileSync } = await import('node:fs');
  const { HashPool } = await import(${module('hash-pool.ts')});
  const { decoyHash } = await import(${module('password-hash.ts')});
  const { NO_PASSWORD, passwordFor } = await import(${module('../directory/password.ts')});
  const { systemRandom } = await import(${module('../ports.ts')});

  const turnedAway = [];
  const cost = { memoryKib: 262144, passes: 1, parallelism: 1 };
  const pool = new HashPool({ threads: 1, cost, queueMilliseconds: Infinity, onTurnedAway: (why) => turnedAway.push(why) });
  const bound = (bytes) => execFileSync('prlimit', ['--pid', process.pid, '--data=' + bytes + ':']);
  const verify = (memoryKib) => pool.verify('a password', decoyHash({ ...cost, memoryKib }, systemRandom));

  const before = await verify(64);
  const used = /^VmData:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  bound((Math.ceil(used / 1024) + 128) * 1024 * 1024);
  const during = {
    hash: await pool.hash('a password'),
    verify: await verify(262144),
    small: await verify(64),
    import: await passwordFor({ password: 'a password' }, NO_PASSWORD, pool).catch(({ name, message }) => name + ': ' + message),
  };
  bound('unlimited');
  console.log(JSON.stringify({ before, during, after: await pool.hash('a password'), turnedAway }));
  await pool.close();
})();`;

test('a password that there is no memory to hash in is turned away, as one that comes when there is too much', () => {
  // The library would take a GiB at once, and get along with that.
  const env = { ...process.env, MIMALLOC_ARENA_RESERVE: '0' };
  const done = spawnSync(process.execPath, ['--eval', PROGRAM], {
    env,
    encoding: 'utf8',
  });
  expect(done.stderr).toBe('');
  const overloaded = { overloaded: true, retryAfterSeconds: 1 };
  expect(JSON.parse(done.stdout)).toEqual({
    before: false,
    during: {
      hash: overloaded,
      verify: overloaded,
      small: false,
      import: 'OperatorError: there is no memory to hash a password in: see hashing.memoryKib',
    },
    after: expect.stringMatching(/^\$argon2id\$/),
    turnedAway: ['memory', 'memory', 'memory'],
  });
});
