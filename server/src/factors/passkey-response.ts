/** What a browser hands over of a passkey that it has just made: texts in base64url (WebAuthn: RegistrationResponseJSON). */
export interface PasskeyAttestation {
  /** The credential id. */
  readonly id: string;
  readonly clientDataJSON: string;
  readonly attestationObject: string;
  /** How the authenticator can be reached, as far as the browser says. */
  readonly transports: readonly string[];
}

/** What a browser hands over that a passkey has signed: texts in base64url (WebAuthn: AuthenticationResponseJSON). */
export interface PasskeyAssertion {
  /** The credential id. */
  readonly id: string;
  readonly clientDataJSON: string;
  readonly authenticatorData: string;
  readonly signature: string;
  /** Whose the authenticator says that it is. Null where it says nothing, as it may when it was asked by credential id. */
  readonly userHandle: string | null;
}

/** What the browser says of the ceremony, as far as it is looked at before anything else. */
export interface ClientData {
  readonly challenge: string;
  readonly origin: string;
  /** Whether the page was inside one of another site's. */
  readonly isFramed: boolean;
}

/** Reads it; null for what nobody's browser says. */
export function readClientData(clientDataJSON: string): ClientData | null {
  let said: Readonly<Record<string, unknown>> | null;
  try {
    said = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
  if (said === null) return null;
  // A number or a text has none of these either.
  const { challenge, origin, crossOrigin, topOrigin } = said;
  if (typeof challenge !== 'string' || typeof origin !== 'string') return null;
  return { challenge, origin, isFramed: crossOrigin === true || topOrigin !== undefined };
}
