import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { type Configuration, cutShortNotice } from '../config.ts';
import { type Core, openCore } from '../core.ts';
import { SECRET_KEY_FILE } from '../crypto/secret-key.ts';
import { openPlaces } from '../delivery/places.ts';
import { createSmsTransport } from '../delivery/sms-transport.ts';
import { createMailTransport } from '../delivery/transport.ts';
import { ConfigurationError, OperatorError } from '../errors.ts';
import { requireRedis } from '../limits/redis-count.ts';
import { createPasswordPolicy } from '../passwords/policy.ts';
import { type Log, systemClock } from '../ports.ts';
import { command, configurationOf } from './command.ts';
import type { Finding } from './finding.ts';
import { networkFindings, passkeyFinding } from './network-findings.ts';
import { print, printJson } from './output.ts';

/** The part of a file's mode that lets others than its owner in. */
const OTHERS_MODE = 0o077;

/** What is wrong is told in findings. */
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** `latchkey doctor` */
export function doctorCommand(): Command {
  return command(
    'doctor',
    'check configuration, store, mail, text messages, clock, secrets, passwords and proxies; a line each, with the remedy',
  )
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }, called: Command) => {
      const findings = await examine(called);
      if (options.json) await printJson(findings);
      else
        await print(
          findings
            .map(({ about, state, message }) => `${state.padEnd(4)}  ${about.padEnd(13)}  ${message}\n`)
            .join(''),
        );
      if (findings.some((finding) => finding.state === 'fail')) process.exitCode = 1;
    });
}

async function examine(called: Command): Promise<Finding[]> {
  let config: Configuration;
  try {
    config = configurationOf(called);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map((message) => ({ about: 'configuration', state: 'fail', message }));
  }
  const cut = cutShortNotice(config);
  const message = cut ?? `${config.mounts.length} mounts`;
  return [
    { about: 'configuration', state: cut === null ? 'ok' : 'warn', message },
    ...(await storeFindings(config)),
    await mailFinding(config),
    await smsFinding(config),
    ...(await geoFindings(config)),
    ...(await limitFindings(config)),
    secretFinding(config),
    hashingFinding(config),
    await passwordFinding(config),
    ...networkFindings(config),
    passkeyFinding(config),
  ];
}

async function storeFindings(config: Configuration): Promise<Finding[]> {
  let core: Core;
  try {
    core = await openCore(config, SILENT);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return [{ about: 'store', state: 'fail', message: error.message }];
  }
  try {
    const { store, clock } = core;
    const newer = (await store.requireCurrentSchema()).join(', ');
    const schema = newer === '' ? 'up to date' : `newer, and this version can live with that (${newer})`;
    const skew = Math.abs((await store.time()) - systemClock.now());
    return [
      { about: 'store', state: 'ok', message: `${await store.accounts.count()} accounts, schema ${schema}` },
      ...(await durabilityFindings(core)),
      outboxFinding(await store.outbox.depth(), await store.sendingBudgets.withheld(clock.now())),
      skew > 2000
        ? {
            about: 'clock',
            state: 'fail',
            message: `this machine’s clock and the store’s differ by ${Math.round(skew / 1000)} s. Synchronise both (NTP).`,
          }
        : { about: 'clock', state: 'ok', message: 'agrees with the store’s' },
    ];
  } finally {
    await core.store.close();
  }
}

function outboxFinding({ waiting, dead }: { waiting: number; dead: number }, withheld: number): Finding {
  const troubles = [
    ...(dead > 0 ? [`${dead} came too late to be sent; see the log for why`] : []),
    ...(withheld > 0
      ? [`${withheld} were withheld by a limit; latchkey audit names it (mail.withheld)`]
      : []),
  ];
  return {
    about: 'outbox',
    state: troubles.length > 0 ? 'warn' : 'ok',
    message: [`${waiting} messages wait`, ...troubles].join('. '),
  };
}

async function durabilityFindings(core: Core): Promise<Finding[]> {
  const weaknesses = await core.store.durabilityWeaknesses();
  if (weaknesses.length === 0)
    return [{ about: 'durability', state: 'ok', message: 'what is acknowledged is on disk' }];
  return weaknesses.map((weakness) => ({ about: 'durability', state: 'fail', message: weakness }));
}

async function mailFinding(config: Configuration): Promise<Finding> {
  if (config.mail.url === 'console:') {
    return {
      about: 'mail',
      state: 'warn',
      message: 'mails are printed to stderr. Set mail.url to an SMTP server to send them.',
    };
  }
  const transport = createMailTransport(config.mail.url, config.mail.from);
  const host = new URL(config.mail.url).host;
  try {
    await transport.check();
    return { about: 'mail', state: 'ok', message: `${host} takes mail` };
  } catch (error) {
    return {
      about: 'mail',
      state: 'fail',
      message: `${host}: ${(error as Error).message}. Check mail.url; mails wait in the outbox until then.`,
    };
  } finally {
    transport.close();
  }
}

async function smsFinding({ sms }: Configuration): Promise<Finding> {
  const about = 'sms';
  if (sms.url === 'console:') {
    return {
      about,
      state: 'ok',
      message: 'text messages are printed to stderr. Set sms.url to a provider to send them.',
    };
  }
  const { protocol, host, hostname } = new URL(sms.url);
  try {
    const status = await createSmsTransport(sms).check();
    if (status === 401 || status === 403)
      return {
        about,
        state: 'fail',
        message: `${host} does not let us in: it answered ${status}. Check sms.token.`,
      };
    if (protocol === 'http:' && !['127.0.0.1', '[::1]', 'localhost'].includes(hostname))
      return {
        about,
        state: 'warn',
        message: `${host} is asked without TLS: codes and sms.token can be read on the way. Use https.`,
      };
    return { about, state: 'ok', message: `${host} answers` };
  } catch (error) {
    return {
      about,
      state: 'fail',
      message: `${host}: ${(error as Error).message}. Check sms.url; text messages wait in the outbox until then.`,
    };
  }
}

async function geoFindings({ geo, mail }: Configuration): Promise<Finding[]> {
  if (geo.database === undefined) return [];
  try {
    await openPlaces(geo.database, mail.locale);
    return [{ about: 'geo', state: 'ok', message: `${geo.database} can be read` }];
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return [{ about: 'geo', state: 'fail', message: error.message }];
  }
}

async function limitFindings({ limits }: Configuration): Promise<Finding[]> {
  if (limits.url === undefined) return [];
  const { host } = new URL(limits.url);
  try {
    await requireRedis(limits.url);
    return [{ about: 'limits', state: 'ok', message: `${host} answers` }];
  } catch (error) {
    const reason = (error as Error).message;
    const message = `${host}: ${reason}. Check limits.url; until it answers each server counts for itself.`;
    return [{ about: 'limits', state: 'fail', message }];
  }
}

function secretFinding({ secretKey }: Configuration): Finding {
  const about = 'secrets';
  if (secretKey !== null) return { about, state: 'ok', message: 'secrets.key comes from the configuration' };
  const mode = statSync(SECRET_KEY_FILE, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & OTHERS_MODE) !== 0)
    return {
      about,
      state: 'warn',
      message: `./${SECRET_KEY_FILE} is open to other users of this machine (mode ${(mode & 0o777).toString(8)}): what the store seals is no secret to them. Run: chmod 600 ${SECRET_KEY_FILE}`,
    };
  return {
    about,
    state: 'ok',
    message: `secrets.key is in ./${SECRET_KEY_FILE}. Keep a copy: without it the store’s sealed parts are lost.`,
  };
}

function hashingFinding(config: Configuration): Finding {
  const { memoryKib, passes, parallelism } = config.hashing;
  const cost = `argon2id m=${memoryKib},t=${passes},p=${parallelism}`;
  return memoryKib * passes < 2 * 19_456
    ? {
        about: 'hashing',
        state: 'warn',
        message: `${cost} is less work than OWASP ASVS 11.4.2 asks for. Raise hashing.memoryKib or hashing.passes.`,
      }
    : { about: 'hashing', state: 'ok', message: cost };
}

/** Asks what new passwords are held against, about one that is nobody's. */
async function passwordFinding(config: Configuration): Promise<Finding> {
  try {
    const policy = await createPasswordPolicy(config.passwords, { clock: systemClock, log: SILENT });
    await policy.problemWith('what a doctor asks about', []);
    await policy.close();
    if ((policy.rangeCounts?.failed ?? 0) === 0)
      return { about: 'passwords', state: 'ok', message: 'new ones are held against every list there is' };
    const message =
      'passwords.breachCheckUrl does not answer: breached passwords are taken. Check the URL and the network.';
    return { about: 'passwords', state: 'warn', message };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { about: 'passwords', state: 'fail', message: error.message };
  }
}
