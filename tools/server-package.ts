import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SERVER = join(ROOT, 'server');
const SOURCES = join(SERVER, 'src');

/** What is started by the name of its file: the program, and its threads. */
const ENTRIES = ['main', 'crypto/hash-worker', 'passwords/blocklist-worker', 'store/sqlite/writer'] as const;

/** Native code, which is installed for the machine. */
const INSTALLED = ['@node-rs/argon2', '@node-rs/bcrypt'] as const;

/** What is used where somebody has put it: OpenTelemetry's SDK, and what libraries of ours look for and go without. */
export const OPTIONAL = [
  '@node-rs/xxhash',
  '@opentelemetry/context-async-hooks',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-base',
  'pg-native',
] as const;

/** A package of which something is in the files of the server. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

/** The server as others install it. */
export interface ServerPackage {
  readonly bundled: readonly BundledPackage[];
  /** The packages that its files import. */
  readonly imported: readonly string[];
}

/** Every module of ours goes on seeing the address that it has where it is a file of its own: other files are told by it. */
const ownAddresses: Plugin = {
  name: 'own-addresses',
  transform(code, id) {
    if (!id.startsWith(SOURCES) || !code.includes('import.meta.url')) return null;
    const place = relative(SOURCES, id).replace(/\.ts$/, '.js');
    return code.replaceAll('import.meta.url', `new URL('./${place}', import.meta.url).href`);
  },
};

/**
 * Node.js keeps the text of what it runs, with two bytes for each character as soon as one of them is not ASCII: 2.5 MiB for a
 * handful of dashes and quotes. What is printed again after `renderChunk` would have them again.
 */
const onlyAscii: Plugin = {
  name: 'only-ascii',
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) if (chunk.type === 'chunk') chunk.code = inAscii(chunk.code);
  },
};

/** JavaScript that means the same; only a template's raw text would tell the difference. */
function inAscii(code: string): string {
  return code.replace(/\P{ASCII}/gu, (character) => {
    const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

/**
 * Puts the server together as others install it: the program with the libraries that it uses in a few files, which start in a
 * third of the time that thirteen hundred take, and beside them what they come from and under which licences.
 */
export async function makeServerPackage(directory: string): Promise<ServerPackage> {
  rmSync(directory, { recursive: true, force: true });
  const chunks = await bundle(join(directory, 'dist'));
  for (const name of ['bin', 'migrations', 'demo', 'config.schema.json'])
    cpSync(join(SERVER, name), join(directory, name), { recursive: true });
  cpSync(join(ROOT, 'LICENSE'), join(directory, 'LICENSE'));
  const homes = new Set(chunks.flatMap(({ moduleIds }) => moduleIds.flatMap(packageHome)));
  const bundled = [...homes].map(readPackage).sort((a, b) => (a.name < b.name ? -1 : 1));
  const notices = [...homes].sort().map(noticeOf);
  writeFileSync(join(directory, 'THIRD-PARTY-LICENSES.txt'), notices.join(`\n${'-'.repeat(80)}\n\n`));
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`);
  const imports = chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]);
  const files = new Set(chunks.map(({ fileName }) => fileName));
  return { bundled, imported: [...new Set(imports)].filter((each) => !isBuiltin(each) && !files.has(each)) };
}

async function bundle(directory: string): Promise<OutputChunk[]> {
  const build = await rolldown({
    input: Object.fromEntries(ENTRIES.map((entry) => [flat(entry), join(SOURCES, `${entry}.ts`)])),
    platform: 'node',
    external: [...INSTALLED, ...OPTIONAL],
    plugins: [ownAddresses, onlyAscii],
  });
  const { output } = await build.write({
    dir: directory,
    format: 'esm',
    chunkFileNames: '[name].js',
    comments: { legal: false },
  });
  await build.close();
  // All files are beside each other, so that addresses are the same from each; threads are looked for where their sources are.
  for (const entry of ENTRIES.filter((each) => each.includes('/'))) {
    const file = join(directory, `${entry}.js`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `import '${relative(dirname(file), join(directory, `${flat(entry)}.js`))}';\n`);
  }
  return output.filter((each) => each.type === 'chunk');
}

function flat(entry: string): string {
  return entry.replaceAll('/', '.');
}

/** What is published: no script, and of the dependencies those that are not in the files. */
function manifest(): object {
  const { name, version, description, license, type, bin, dependencies } = readJson(SERVER);
  return {
    ...{ name, version, description, license, type, bin },
    engines: { node: '>=24' },
    dependencies: Object.fromEntries(
      INSTALLED.map((each) => [each, (dependencies as Record<string, string>)[each]]),
    ),
  };
}

/** The folder of the package that a module is of; none for our own. */
function packageHome(id: string): string[] {
  const [home] = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, '')) ?? [];
  return home === undefined ? [] : [home];
}

function readPackage(home: string): BundledPackage {
  const { name, version, license } = readJson(home);
  return { name: String(name), version: String(version), licence: String(license) };
}

/** Who made it and what they ask for, in their own words. */
function noticeOf(home: string): string {
  const { name, version, licence } = readPackage(home);
  const { author, homepage } = readJson(home) as { author?: string | { name: string }; homepage?: string };
  const texts = readdirSync(home).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  const by = typeof author === 'object' ? author.name : author;
  return [
    `${name} ${version} (${licence})${by === undefined ? '' : ` by ${by}`}${homepage === undefined ? '' : `, ${homepage}`}\n`,
    ...texts.sort().map((file) => readFileSync(join(home, file), 'utf8')),
  ].join('\n');
}

function readJson(home: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Record<string, unknown>;
}
