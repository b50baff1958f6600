import {
  type CredentialTypeClient,
  credentialTypeClient,
  credentialTypeDialect,
} from './contracts/credential-type.ts';
import { type FingerprintClient, fingerprintClient, fingerprintDialect } from './contracts/fingerprint.ts';
import { type LoginClient, loginClient, loginDialect } from './contracts/login.ts';
import { type ProfileClient, profileClient, profileDialect } from './contracts/profile.ts';
import { type RolePickerClient, rolePickerClient, rolePickerDialect } from './contracts/role-picker.ts';
import type { Dialect } from './dialect.ts';
import { Session, type SessionOptions } from './session.ts';

/** The client of each contract. */
export interface Clients {
  readonly fingerprint: FingerprintClient;
  readonly profile: ProfileClient;
  readonly 'role-picker': RolePickerClient;
  readonly 'credential-type': CredentialTypeClient;
  readonly login: LoginClient;
}

/** The contracts that there are clients for. */
export type ContractName = keyof Clients;

/** How a client is set up: the contract that it speaks, and for `fingerprint` also what tells this device from others. */
export type ClientOptions<Name extends ContractName> = SessionOptions & {
  readonly contract: Name;
} & (Name extends 'fingerprint' ? { readonly fingerprint: string } : unknown);

/** How each client is made. */
const MAKERS: { readonly [Name in ContractName]: Maker<Name> } = {
  fingerprint: [fingerprintDialect, (session, { fingerprint }) => fingerprintClient(session, fingerprint)],
  profile: [profileDialect, profileClient],
  'role-picker': [rolePickerDialect, rolePickerClient],
  'credential-type': [credentialTypeDialect, credentialTypeClient],
  login: [loginDialect, loginClient],
};

type Maker<Name extends ContractName> = readonly [
  Dialect,
  (session: Session, options: ClientOptions<Name>) => Clients[Name],
];

/**
 * Makes a client of one mount of a server.
 * @throws TypeError when the contract is none, or the URL is none
 */
export function createClient<Name extends ContractName>(options: ClientOptions<Name>): Clients[Name] {
  const { contract } = options;
  if (!Object.hasOwn(MAKERS, contract)) throw new TypeError(`there is no contract ${contract}`);
  const [dialect, make] = MAKERS[contract];
  return make(new Session(options, contract, dialect), options);
}
