import { isPhoneRegion } from './accounts/identifier.ts';
import type { Contract } from './contracts/contract.ts';
import { type ClaimShape, COMMON_CLAIMS, type Mount } from './mount.ts';
import type { MountSettings } from './settings.ts';
import { CLAIM_NAMES } from './sign-in/claims.ts';

/**
 * Completes the mounts' settings from their contracts' defaults.
 * @param isSound whether the settings with that index have the right form; the others are left out
 * @returns the mounts, and a sentence for everything that is wrong with the settings
 */
export function resolveMounts(
  settings: readonly MountSettings[],
  contracts: readonly Contract[],
  isSound: (index: number) => boolean = () => true,
): { mounts: Mount[]; problems: string[] } {
  const problems: string[] = [];
  const mounts: Mount[] = [];
  settings.forEach((mount, index) => {
    if (!isSound(index)) return;
    const contract = contracts.find((candidate) => candidate.name === mount.contract);
    const found = contract
      ? mountProblems(mount, contract)
      : [
          `there is no contract ${JSON.stringify(mount.contract)}; there are ${contracts.map((each) => each.name).join(', ')}`,
        ];
    problems.push(...found.map((problem) => `mounts[${index}]: ${problem}`));
    if (contract) mounts.push(resolveMount(mount, contract));
  });
  problems.push(...pathConflicts(mounts));
  return { mounts, problems };
}

function resolveMount(settings: MountSettings, contract: Contract): Mount {
  const prefix = settings.prefix ?? '';
  const { defaults } = contract;
  return {
    name: prefix === '' ? contract.name : `${contract.name}@${prefix}`,
    contract,
    prefix,
    organisation: settings.organisation?.toLowerCase() ?? null,
    accessTokenSeconds: settings.accessTokenSeconds ?? defaults.accessTokenSeconds,
    refreshTokenSeconds:
      defaults.refreshTokenSeconds === null
        ? null
        : (settings.refreshTokenSeconds ?? defaults.refreshTokenSeconds),
    algorithm: (settings.algorithm ?? 'ES256') as Mount['algorithm'],
    audience: settings.audience ?? null,
    claims: Object.fromEntries(
      Object.entries(settings.claims ?? {}).map(([ours, given]) => [ours, shapeOf(ours, given)]),
    ),
    secret: settings.secret ?? null,
    requireValidatedEmail: settings.requireValidatedEmail ?? defaults.requireValidatedEmail,
    hideUnknownIdentity: settings.hideUnknownIdentity ?? false,
    trustFirstDevice: settings.trustFirstDevice ?? true,
    allowSignUp: settings.allowSignUp ?? false,
    allowUnattestedDevices: settings.allowUnattestedDevices ?? false,
    phoneRegion: settings.phoneRegion ?? null,
  };
}

function mountProblems(mount: MountSettings, contract: Contract): string[] {
  const problems: string[] = [];
  if (mount.algorithm === 'HS256' && mount.secret === undefined) problems.push('HS256 needs a secret');
  if (mount.algorithm !== 'HS256' && mount.secret !== undefined) problems.push('a secret is for HS256 only');
  if (mount.allowSignUp === true && !contract.signsUp.includes('people'))
    problems.push(`allowSignUp: ${contract.name} has no sign-up`);
  if (mount.allowUnattestedDevices === true && !contract.signsUp.includes('devices'))
    problems.push(`allowUnattestedDevices: ${contract.name} has no sign-up for devices`);
  if (mount.phoneRegion !== undefined && !isPhoneRegion(mount.phoneRegion))
    problems.push(
      `phoneRegion: no phone numbers are known of a region ${mount.phoneRegion}; it is an ISO 3166 code, such as ES or GB`,
    );
  problems.push(...claimProblems(mount.claims ?? {}, contract));
  return problems;
}

type GivenClaims = NonNullable<MountSettings['claims']>;

function shapeOf(ours: string, given: GivenClaims[string]): ClaimShape {
  if (given === null) return null;
  if (typeof given === 'string') return { name: given, values: {} };
  return { name: given.name ?? ours, values: given.values ?? {} };
}

function claimProblems(claims: GivenClaims, contract: Contract): string[] {
  const problems: string[] = [];
  const taken = new Set<string>();
  for (const [ours, given] of Object.entries(claims)) {
    const theirs = shapeOf(ours, given)?.name;
    if (COMMON_CLAIMS.includes(ours)) problems.push(`claims: ${ours} cannot be renamed`);
    else if (!(CLAIM_NAMES as readonly string[]).includes(ours))
      problems.push(`claims: there is no claim ${ours}; there are ${CLAIM_NAMES.join(', ')}`);
    if (theirs === undefined) continue;
    if (COMMON_CLAIMS.includes(theirs))
      problems.push(`claims: ${theirs} has a meaning of its own in every token`);
    if (taken.has(theirs)) problems.push(`claims: two claims would be called ${theirs}`);
    taken.add(theirs);
    if (contract.claimNames.includes(theirs) && !Object.hasOwn(claims, theirs))
      problems.push(
        `claims: ${ours} would take the place of ${theirs}, which ${contract.name} puts there itself; rename that too, or leave it out with null`,
      );
  }
  return problems;
}

function pathConflicts(mounts: readonly Mount[]): string[] {
  const owners = new Map<string, string>();
  const problems = new Set<string>();
  for (const mount of mounts) {
    for (const endpoint of mount.contract.endpoints) {
      const path = mount.prefix + endpoint.path;
      const owner = owners.get(path);
      if (owner === mount.name)
        problems.add(`mounts: ${mount.name} is mounted twice; give one of them another prefix`);
      else if (owner !== undefined)
        problems.add(`mounts: ${owner} and ${mount.name} both have ${path}; give one of them a prefix`);
      owners.set(path, mount.name);
    }
  }
  return [...problems];
}
