const NEEDED = 24;
const major = Number(process.versions.node.split('.')[0]);

// Checked before anything else is loaded: some native parts end an older Node.js without a word.
if (major < NEEDED) {
  process.stderr.write(
    `latchkey: this is Node.js ${process.versions.node}; Node.js ${NEEDED} or newer is needed\n`,
  );
  process.exit(1);
}

// What a server loads takes most of its start: it is told to stop before that, too.
const { stopSignal } = await import('./cli/stop-signal.ts');
if (process.argv[2] === 'serve' || process.argv[2] === 'demo') void stopSignal();

const { run } = await import('./cli/program.ts');
await run(process.argv);

export {};
