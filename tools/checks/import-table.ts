import { type Check, importsOf, isTest } from './source-files.ts';

/**
 * Who may import whom, below `server/src`: a folder, or a file at the top, and the folders and files that it may see
 * beside its own. A path ends in a slash for everything below it.
 */
export const IMPORT_TABLE: Readonly<Record<string, readonly string[]>> = {
  'ports.ts': [],
  'errors.ts': [],
  'version.ts': [],
  'code-points.ts': [],
  'outbound.ts': [],
  'log-lines.ts': [],
  'log.ts': ['log-lines.ts'],
  'schema-problems.ts': [],
  'observability/': ['store/', 'errors.ts', 'ports.ts'],
  'mount-schema.ts': [],
  'operations-schema.ts': [],
  'settings.ts': ['delivery/delivery-settings.ts', 'mount-schema.ts', 'operations-schema.ts'],
  'audit/': ['crypto/', 'store/', 'outbound.ts', 'ports.ts'],
  'accounts/': ['crypto/'],
  'limits/': ['store/', 'ports.ts'],
  'crypto/': ['errors.ts', 'ports.ts'],
  'passwords/': [
    'accounts/',
    'crypto/password-hash.ts',
    'code-points.ts',
    'errors.ts',
    'outbound.ts',
    'ports.ts',
  ],
  'commands/': ['accounts/', 'factors/passkey-response.ts'],
  'factors/': ['accounts/', 'crypto/', 'store/', 'ports.ts'],
  'store/': ['accounts/', 'audit/event.ts', 'observability/tracing.ts', 'errors.ts', 'ports.ts'],
  'mount.ts': ['contracts/contract.ts', 'tokens/'],
  'mount-settings.ts': [
    'accounts/identifier.ts',
    'contracts/contract.ts',
    'sign-in/claims.ts',
    'mount.ts',
    'settings.ts',
  ],
  'tokens/': ['crypto/', 'store/', 'mount.ts', 'ports.ts'],
  'delivery/': [
    'accounts/addressee.ts',
    'accounts/mail-domain.ts',
    'crypto/',
    'store/',
    'errors.ts',
    'outbound.ts',
    'ports.ts',
  ],
  'sign-in/': [
    'accounts/',
    'audit/',
    'commands/',
    'crypto/',
    'delivery/',
    'factors/',
    'limits/',
    'observability/tracing.ts',
    'passwords/policy.ts',
    'store/',
    'tokens/',
    'mount.ts',
    'ports.ts',
  ],
  'sessions/': ['accounts/', 'commands/', 'crypto/', 'sign-in/', 'store/', 'mount.ts', 'ports.ts'],
  'self-service/': [
    'accounts/',
    'audit/',
    'commands/',
    'crypto/',
    'delivery/',
    'factors/',
    'passwords/',
    'sessions/',
    'sign-in/',
    'store/',
    'tokens/',
    'errors.ts',
    'mount.ts',
    'outbound.ts',
    'ports.ts',
  ],
  'execute.ts': ['self-service/', 'sign-in/', 'sessions/', 'store/turns.ts'],
  'contracts/': ['commands/', 'sign-in/attempt.ts', 'code-points.ts'],
  'config-checks.ts': [
    'crypto/hash-work.ts',
    'crypto/secret-key.ts',
    'delivery/',
    'factors/relying-party.ts',
    'settings.ts',
  ],
  'config.ts': [
    'config-checks.ts',
    'contracts/index.ts',
    'delivery/mail-address.ts',
    'delivery/template-overrides.ts',
    'delivery/wording.ts',
    'errors.ts',
    'factors/relying-party.ts',
    'mount.ts',
    'mount-settings.ts',
    'schema-problems.ts',
    'settings.ts',
  ],
  'core.ts': [
    'audit/chain-end.ts',
    'crypto/',
    'delivery/wording.ts',
    'store/',
    'config.ts',
    'errors.ts',
    'ports.ts',
  ],
  'clean-up.ts': ['store/', 'ports.ts'],
  'key-schedule.ts': ['audit/', 'store/', 'tokens/', 'ports.ts'],
  'jobs.ts': [
    'audit/',
    'crypto/vault.ts',
    'store/',
    'tokens/key-ring.ts',
    'clean-up.ts',
    'config.ts',
    'key-schedule.ts',
    'ports.ts',
  ],
  'directory/': [
    'accounts/',
    'audit/',
    'crypto/',
    'delivery/mail-address.ts',
    'factors/',
    'limits/code-guesses.ts',
    'passwords/',
    'store/',
    'core.ts',
    'errors.ts',
    'schema-problems.ts',
  ],
  'http/': [
    'contracts/contract.ts',
    'crypto/vault.ts',
    'observability/tracing.ts',
    'sign-in/',
    'tokens/',
    'errors.ts',
    'execute.ts',
    'mount.ts',
    'ports.ts',
  ],
  'app.ts': [
    'observability/',
    'contracts/index.ts',
    'crypto/',
    'delivery/',
    'factors/',
    'http/',
    'limits/',
    'passwords/policy.ts',
    'self-service/attestation.ts',
    'sessions/',
    'sign-in/',
    'store/',
    'tokens/',
    'config.ts',
    'jobs.ts',
    'mount.ts',
    'mount-settings.ts',
    'ports.ts',
    'version.ts',
  ],
  'cli/': [
    'accounts/',
    'audit/',
    'commands/factor.ts',
    'contracts/index.ts',
    'crypto/',
    'delivery/',
    'directory/',
    'passwords/',
    'self-service/forgot-password.ts',
    'limits/redis-count.ts',
    'limits/worker-count.ts',
    'sign-in/mail.ts',
    'factors/relying-party.ts',
    'self-service/change-factors.ts',
    'sign-in/count-code.ts',
    'sign-in/throttle.ts',
    'store/',
    'tokens/',
    'app.ts',
    'config.ts',
    'core.ts',
    'observability/tracing.ts',
    'observability/worker-metrics.ts',
    'errors.ts',
    'log.ts',
    'operations-schema.ts',
    'ports.ts',
    'version.ts',
  ],
  'main.ts': ['cli/'],
};

/** Libraries that one folder keeps to itself. */
const KEPT: Readonly<Record<string, string>> = {
  pg: 'store/',
  'rate-limiter-flexible': 'limits/',
  '@redis/client': 'limits/',
  'node:sqlite': 'store/',
  fastify: 'http/',
  nodemailer: 'delivery/',
  '@node-rs/argon2': 'crypto/',
  '@node-rs/bcrypt': 'crypto/',
  otpauth: 'factors/',
  '@simplewebauthn/server': 'factors/',
  '@simplewebauthn/server/helpers': 'factors/',
  commander: 'cli/',
  bowser: 'accounts/',
  'mmdb-lib': 'delivery/',
  '@prometheus-io/client': 'observability/',
  '@opentelemetry/api': 'observability/',
  uqr: 'factors/',
};

/** Everything that a contract may see of the world: its own folder, the contract interface, and the schema library. */
const CONTRACT_LIBRARIES = new Set(['typebox']);

/** Holds the sources against the table. Tests may import what they like. */
export const importTable: Check = (files) => {
  const problems: string[] = [];
  for (const file of files) {
    if (isTest(file.path)) continue;
    const home = homeOf(file.path);
    const allowed = IMPORT_TABLE[home];
    if (!allowed) problems.push(`${file.path}: the import table has no line for ${home}`);
    for (const name of importsOf(file)) {
      const problem = problemWith(file.path, home, allowed ?? [], name);
      if (problem !== null) problems.push(`${file.path}: ${problem}`);
    }
  }
  return problems;
};

/** The folder at the top that a file is in, or the file itself when it is at the top. */
function homeOf(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? path : path.slice(0, slash + 1);
}

function problemWith(path: string, home: string, allowed: readonly string[], name: string): string | null {
  if (!name.endsWith('.ts')) return libraryProblem(path, home, name);
  if (home === 'contracts/' && name.startsWith('contracts/')) return contractProblem(path, name);
  if (homeOf(name) === home && home.endsWith('/')) return null;
  const seen = allowed.some((each) => (each.endsWith('/') ? name.startsWith(each) : name === each));
  return seen ? null : `may not import ${name}`;
}

function libraryProblem(path: string, home: string, name: string): string | null {
  const keeper = KEPT[name];
  // Types of a library's may be named where the server is wired.
  if (keeper !== undefined && keeper !== home && !(name === 'fastify' && path === 'app.ts'))
    return `${name} is used in ${keeper} only`;
  return home === 'contracts/' && !CONTRACT_LIBRARIES.has(name) ? `a contract may not import ${name}` : null;
}

/** A contract sees its own folder and the interface, never another contract. */
function contractProblem(path: string, name: string): string | null {
  if (path === 'contracts/index.ts' || name === 'contracts/contract.ts') return null;
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  return folder !== 'contracts/' && name.startsWith(folder) ? null : `a contract may not import ${name}`;
}
