const NEEDED = 24;
const major = Number(process.versions.node.split('.')[0]);

// Checked before anything else is loaded: some native parts end an older Node.js without a word.
if (major < NEEDED) {
  process.stderr.write(
    `latchkey: this is Node.js ${process.versions.node}; Node.js ${NEEDED} or newer is needed\n`,
  );
  process.exit(1);
}

const { run } = await import('./cli/program.ts');
await run(process.argv);

export {};
