/** What the audit log knows. */
export type AuditEventName = (typeof AUDIT_EVENTS)[number];

/** Every event there is. */
export const AUDIT_EVENTS = [
  'sign-in.completed',
  'sign-in.refused',
  'sign-in.step-required',
  'sign-in.choices-offered',
  'code.refused',
  'code.resent',
  'mail.withheld',
  'session.signed-out',
  'session.ended',
  'session.others-ended',
  'device.forgotten',
  'session.switched',
  'session.reused',
  'session.refresh-refused',
  'password.reset-asked',
  'password.reset',
  'password.changed',
  'validation.asked',
  'account.validated',
  'session.unproven',
  'factor.added',
  'factor.removed',
  'recovery-code.used',
  'address.code-asked',
  'address.validated',
  'address.changed',
  'factor.refused',
  'account.created',
  'account.signed-up',
  'sign-up.begun',
  'sign-up.refused',
  'installation.signed-up',
  'installation.disabled',
  'installation.enabled',
  'installation.unlocked',
  'installation.password-replaced',
  'account.disabled',
  'account.enabled',
  'account.unlocked',
  'account.signed-out',
  'membership.added',
  'membership.removed',
  'organisation.suspended',
  'organisation.resumed',
  'store.cut-off',
  'key.rotated',
  'resource-server.added',
  'resource-server.removed',
  'directory.imported',
  'webhook.given-up',
] as const;

/** One line of the audit log. It never holds a secret: no password, code, token or seed. */
export interface AuditEvent {
  readonly at: number;
  readonly event: AuditEventName;
  /** Who did it: `client` at a door, `operator` at the command line, `system` by itself. */
  readonly actor: string | null;
  /** The true reason, which the wire may not tell. */
  readonly reason: string | null;
  readonly accountId: string | null;
  readonly organisationId: string | null;
  readonly mount: string | null;
  readonly contract: string | null;
  /** How it was proven beside the credential, or what was asked for. */
  readonly factor: string | null;
  /** Tells an account's devices apart. */
  readonly device: string | null;
  readonly sessionId: string | null;
  readonly address: string | null;
  readonly requestId: string | null;
  readonly detail: Readonly<Record<string, unknown>> | null;
}

/** An event with nothing but what is known of it. */
export function auditEvent(event: Pick<AuditEvent, 'at' | 'event'> & Partial<AuditEvent>): AuditEvent {
  return {
    actor: null,
    reason: null,
    accountId: null,
    organisationId: null,
    mount: null,
    contract: null,
    factor: null,
    device: null,
    sessionId: null,
    address: null,
    requestId: null,
    detail: null,
    ...event,
  };
}
