import { changePassword } from './self-service/change-password.ts';
import { confirmAddress } from './self-service/confirm-address.ts';
import { beginEnrolment, confirmEnrolment } from './self-service/enrol-factor.ts';
import { enrolPasskey, passkeyEnrolmentOptions } from './self-service/enrol-passkey.ts';
import { forgotPassword } from './self-service/forgot-password.ts';
import { listFactors } from './self-service/list-factors.ts';
import { forgetOwnDevice, forgetOwnDevices, listDevices, nameOwnDevice } from './self-service/own-devices.ts';
import { forgetPasskey, listPasskeys } from './self-service/own-passkeys.ts';
import { changeAddress, validateAddress } from './self-service/prove-address.ts';
import { renewRecoveryCodes } from './self-service/recovery-codes.ts';
import { removeFactor } from './self-service/remove-factor.ts';
import { resetPassword } from './self-service/reset-password.ts';
import { signUp } from './self-service/sign-up.ts';
import { beginSignUp, confirmSignUp } from './self-service/sign-up-by-mail.ts';
import { signUpChallenge, signUpInstallation } from './self-service/sign-up-installation.ts';
import { resendValidation, validateAccount } from './self-service/validate-account.ts';
import { inspect } from './sessions/inspect.ts';
import { me } from './sessions/me.ts';
import { endOne, endOthers, listSessions, signOut } from './sessions/own-sessions.ts';
import { proveAgain } from './sessions/prove-again.ts';
import { refresh } from './sessions/refresh.ts';
import { switchRole } from './sessions/switch-role.ts';
import type { Caller, Command, Outcome } from './sign-in/attempt.ts';
import type { Attempt, Corridor } from './sign-in/corridor.ts';
import { passkeySignInOptions, signInWithPasskey } from './sign-in/passkey-sign-in.ts';
import { passkeyStepOptions } from './sign-in/passkey-step.ts';
import { resend } from './sign-in/prove.ts';
import { begin, pick, proveStep } from './sign-in/sign-in.ts';
import { asOneRequest } from './store/turns.ts';

type Handler<Kind extends Command['kind']> = (
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: Kind }>,
) => Promise<Outcome>;

const TROUBLE_RETRY_SECONDS = 1;

/** For what hashes or sends: it is not begun while the process can hardly keep up with what it has. All else goes on. */
function costly<Kind extends Command['kind']>(handler: Handler<Kind>): Handler<Kind> {
  return (corridor, attempt, command) =>
    corridor.loadTrouble() === null
      ? handler(corridor, attempt, command)
      : Promise.resolve({ kind: 'overloaded', retryAfterSeconds: TROUBLE_RETRY_SECONDS });
}

/** What carries each kind of command out. */
const HANDLERS: { readonly [Kind in Command['kind']]: Handler<Kind> } = {
  begin: costly(begin),
  pick,
  prove: proveStep,
  resend: costly((corridor, attempt, { ticket }) => resend(corridor, attempt, ticket)),
  refresh: (corridor, attempt, { refreshToken }) => refresh(corridor, attempt, refreshToken),
  inspect: (corridor, attempt, { token, organisation }) => inspect(corridor, attempt, token, organisation),
  me: (corridor, attempt, { token, organisation }) => me(corridor, attempt, token, organisation),
  'sign-out': (corridor, attempt, { token }) => signOut(corridor, attempt, token),
  'list-sessions': (corridor, attempt, { token }) => listSessions(corridor, attempt, token),
  'end-session': (corridor, attempt, { token, sessionId }) => endOne(corridor, attempt, token, sessionId),
  'end-other-sessions': (corridor, attempt, { token }) => endOthers(corridor, attempt, token),
  switch: (corridor, attempt, command) => switchRole(corridor, attempt, command.token, command),
  'prove-again': costly(proveAgain),
  'sign-up': costly(signUp),
  'begin-sign-up': costly(beginSignUp),
  'confirm-sign-up': confirmSignUp,
  'sign-up-challenge': signUpChallenge,
  'sign-up-installation': costly(signUpInstallation),
  'forgot-password': costly(forgotPassword),
  'reset-password': costly(resetPassword),
  'change-password': costly(changePassword),
  'resend-validation': costly(resendValidation),
  'validate-account': costly(validateAccount),
  'passkey-sign-in-options': passkeySignInOptions,
  'passkey-sign-in': signInWithPasskey,
  'passkey-step-options': (corridor, attempt, { ticket }) => passkeyStepOptions(corridor, attempt, ticket),
  'passkey-enrolment-options': (corridor, attempt, { token }) =>
    passkeyEnrolmentOptions(corridor, attempt, token),
  'enrol-passkey': enrolPasskey,
  'list-passkeys': listPasskeys,
  'remove-passkey': forgetPasskey,
  'list-factors': listFactors,
  'enrol-factor': costly(beginEnrolment),
  'confirm-factor': confirmEnrolment,
  'remove-factor': removeFactor,
  'renew-recovery-codes': renewRecoveryCodes,
  'validate-address': costly(validateAddress),
  'change-address': costly(changeAddress),
  'confirm-address': confirmAddress,
  'list-devices': listDevices,
  'name-device': nameOwnDevice,
  'forget-device': forgetOwnDevice,
  'forget-devices': forgetOwnDevices,
};

/** Carries out a command from any door. Expected refusals are outcomes; whatever is thrown is a fault. */
export function execute(corridor: Corridor, command: Command, caller: Caller): Promise<Outcome> {
  const mount = corridor.mounts.get(caller.mount);
  if (!mount) throw new Error(`there is no mount ${caller.mount}`);
  const handler = HANDLERS[command.kind] as Handler<Command['kind']>;
  return asOneRequest(() => handler(corridor, { mount, caller }, command));
}
