/** A device that signs up, for verifiers that are asked about it. */
export const ATTESTED_DEVICE = {
  installationId: 'an installation'.padEnd(32, '.'),
  password: 'the password of that installation'.padEnd(40, '.'),
  platform: 'android',
  challenge: 'c'.repeat(48),
  assertionToken: 'what the platform signed',
  assertionKeyId: null,
} as const;
