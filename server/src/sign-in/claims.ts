import type { Principal } from './attempt.ts';

/** What a mount can put into its tokens beside what its contract does, by name. */
export type ClaimName = (typeof CLAIM_NAMES)[number];

/** Every name there is. */
export const CLAIM_NAMES = [
  'accountId',
  'userId',
  'number',
  'username',
  'email',
  'emailValidated',
  'phone',
  'phoneValidated',
  'name',
  'firstName',
  'lastName',
  'role',
  'roles',
  'accessRoles',
  'permissions',
  'organisation',
  'deviceId',
  'resource',
] as const;

/** What is known of a principal. What has no value is left out. */
export function knownClaims(principal: Principal): Readonly<Partial<Record<ClaimName, unknown>>> {
  if (principal.kind === 'resource') return { resource: principal.resource };
  const { view } = principal;
  const own = principal.kind === 'installation' ? { deviceId: principal.id } : rolesOf(principal);
  if (view === null) return own;
  const { account } = view;
  const claims = {
    ...own,
    accountId: account.id,
    userId: account.user.id,
    number: account.number,
    username: account.username,
    email: account.email,
    emailValidated: account.emailValidated,
    phone: account.phone,
    phoneValidated: account.phoneValidated,
    name: account.user.name,
    firstName: account.user.firstName,
    lastName: account.user.lastName,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null));
}

/** What an account acts as. An installation of its acts in no role: nobody has shown a second factor for it. */
function rolesOf({ view, picked }: Extract<Principal, { kind: 'account' }>): Record<string, unknown> {
  const { primary, roles, permissions } = view;
  const acting = picked ?? primary;
  return {
    role: acting?.role?.name ?? null,
    roles,
    accessRoles: roles,
    permissions,
    organisation: acting?.organisation?.id ?? null,
  };
}
