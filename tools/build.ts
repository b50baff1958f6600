import { execFileSync } from 'node:child_process';

// Compiles what has changed since the last time; a build of nothing takes a third of a second.
execFileSync('node_modules/.bin/tsc', ['-b', 'server', 'client', 'verifier'], { stdio: 'inherit' });

// The server as others install it.
if (process.argv.includes('--package')) {
  const { makeServerPackage } = await import('./server-package.ts');
  await makeServerPackage('dist/latchkey');
}
