import fc from 'fast-check';

/** Names under which somebody could hope to say who they are and what they may. */
const NAMES = [
  ...['role', 'rol', 'roles', 'admin', 'isAdmin', 'permissions', 'memberships', 'scopes'],
  ...['organisation', 'organisationId', 'home', 'homeId', 'home_id', 'organization_id'],
  ...['id', 'number', 'account', 'accountId', 'account_id', 'user', 'userId', 'createdAt', 'epoch'],
  ...['status', 'emailValidated', 'email_validated', 'phoneValidated', 'phone_validated', 'validated'],
  ...['secondFactor', 'factors', 'totp', 'recogniseDevices', 'devices', 'passwordHash', 'password_hash'],
  ...[
    'stats',
    'attributes',
    'kinds',
    'canonical',
    'address',
    'purpose',
    'sessionId',
    '__proto__',
    'constructor',
  ],
];

/** Members that no body has, with what could be hoped for in them. @param organisation one that there is */
export function extraMembers(organisation: string): fc.Arbitrary<Record<string, unknown>> {
  const values = ['Admin', true, 1, null, organisation, ['Admin'], { admin: 'global' }, { role: 'Admin' }];
  return fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom<unknown>(...values), {
    minKeys: 1,
    maxKeys: 6,
  });
}
