// Made by `npm run check -- --fix` from the contracts, as openapi.json is.
// biome-ignore-all lint/style/noExcessiveLinesPerFile: it has as many lines as there are operations

/** What each operation takes, and what it answers when it does as it is asked. A body that is null is none. */
export interface Operations {
  /** Sign in with a user name or an e-mail address */
  'POST /identity/sign-in': {
    readonly request: {
      readonly username: string;
      readonly password: string;
    };
    readonly reply: {
      readonly statusCode: 200;
      readonly data: {
        readonly token: string;
        readonly refreshToken: string;
        readonly authenticationType: 'Bearer';
        readonly account: {
          readonly id: string;
          readonly username: string;
          readonly status: 'activated' | 'pending';
          readonly createdAt: string;
          readonly emailHasBeenValidated: boolean;
          readonly phoneHasBeenValidated: boolean;
        };
        readonly user: {
          readonly id: string;
          readonly name: string;
        };
        readonly loggedAt: string;
        readonly observation: {
          readonly code: 1 | 2 | 3;
          readonly message: string;
        };
      };
    };
  };
  /** Prove the second factor with the step-up token */
  'POST /accounts/verify-2fa': {
    readonly request: {
      readonly code: string;
    };
    readonly reply: {
      readonly statusCode: 200;
      readonly data: {
        readonly token: string;
        readonly refreshToken: string;
        readonly authenticationType: 'Bearer';
        readonly account: {
          readonly id: string;
          readonly username: string;
          readonly status: 'activated' | 'pending';
          readonly createdAt: string;
          readonly emailHasBeenValidated: boolean;
          readonly phoneHasBeenValidated: boolean;
        };
        readonly user: {
          readonly id: string;
          readonly name: string;
        };
        readonly loggedAt: string;
        readonly observation: {
          readonly code: 1 | 2 | 3;
          readonly message: string;
        };
      };
    };
  };
  /** Prove the device with the mailed code */
  'POST /identity/recognize-device': {
    readonly request: {
      readonly code: string;
    };
    readonly reply: {
      readonly statusCode: 200;
      readonly data: {
        readonly token: string;
        readonly refreshToken: string;
        readonly authenticationType: 'Bearer';
        readonly account: {
          readonly id: string;
          readonly username: string;
          readonly status: 'activated' | 'pending';
          readonly createdAt: string;
          readonly emailHasBeenValidated: boolean;
          readonly phoneHasBeenValidated: boolean;
        };
        readonly user: {
          readonly id: string;
          readonly name: string;
        };
        readonly loggedAt: string;
        readonly observation: {
          readonly code: 1 | 2 | 3;
          readonly message: string;
        };
      };
    };
  };
  /** Mail a new code */
  'POST /accounts/resend-code': {
    readonly request: null;
    readonly reply: {
      readonly statusCode: 200;
      readonly data: {
        readonly sent: true;
      };
    };
  };
  /** Exchange a refresh token for a new pair */
  'POST /identity/refresh-token': {
    readonly request: {
      readonly refreshToken: string;
    };
    readonly reply: {
      readonly statusCode: 200;
      readonly data: {
        readonly token: string;
        readonly refreshToken: string;
        readonly authenticationType: 'Bearer';
      };
    };
  };
  /** End the session */
  'POST /identity/sign-out': {
    readonly request: null;
    readonly reply: {
      readonly statusCode: 200;
      readonly data: {
        readonly signedOut: true;
      };
    };
  };
  /** Sign in with an e-mail address or a user name; when both are given they must name the same account */
  'POST /api/v1/auths/sign-in': {
    readonly request: {
      readonly email?: string;
      readonly username?: string;
      readonly password: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string;
      readonly user: {
        readonly id: number;
        readonly username: string;
        readonly email: string;
        readonly firstName: string;
        readonly lastName: string;
        readonly rol: string;
        readonly avatar: string;
        readonly status: 'active' | 'inactive';
        readonly lastLogin: string;
        readonly createdAt: string;
        readonly permissions: readonly string[];
        readonly stats: Readonly<Record<string, unknown>>;
      };
    };
  };
  /** Make an account, where the mount allows it, and sign in */
  'POST /api/v1/auths/sign-up': {
    readonly request: {
      readonly email: string;
      readonly password: string;
      readonly first_name: string;
      readonly last_name: string;
      readonly username?: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string;
      readonly user: {
        readonly id: number;
        readonly username: string;
        readonly email: string;
        readonly firstName: string;
        readonly lastName: string;
        readonly rol: string;
        readonly avatar: string;
        readonly status: 'active' | 'inactive';
        readonly lastLogin: string;
        readonly createdAt: string;
        readonly permissions: readonly string[];
        readonly stats: Readonly<Record<string, unknown>>;
      };
    };
  };
  /** Exchange a refresh token for a new pair */
  'POST /api/v1/auths/refresh': {
    readonly request: {
      readonly refreshToken: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string;
      readonly user: {
        readonly id: number;
        readonly username: string;
        readonly email: string;
        readonly firstName: string;
        readonly lastName: string;
        readonly rol: string;
        readonly avatar: string;
        readonly status: 'active' | 'inactive';
        readonly lastLogin: string;
        readonly createdAt: string;
        readonly permissions: readonly string[];
        readonly stats: Readonly<Record<string, unknown>>;
      };
    };
  };
  /** End the session; a body is ignored */
  'POST /api/v1/auths/sign-out': { readonly request: null; readonly reply: null };
  /** The user’s profile */
  'GET /api/v1/auths/me': {
    readonly request: null;
    readonly reply: {
      readonly id: number;
      readonly username: string;
      readonly email: string;
      readonly firstName: string;
      readonly lastName: string;
      readonly rol: string;
      readonly avatar: string;
      readonly status: 'active' | 'inactive';
      readonly lastLogin: string;
      readonly createdAt: string;
      readonly permissions: readonly string[];
      readonly stats: Readonly<Record<string, unknown>>;
    };
  };
  /** Find the roles that a password opens */
  'POST /auth/sign-in-verify': {
    readonly request: {
      readonly identity: string;
      readonly password: string;
    };
    readonly reply: {
      readonly status_code: 200;
      readonly message: 'OK';
      readonly result: readonly [
        readonly {
          readonly role: string;
          readonly loginToken: string;
          readonly is2FAEnabled: boolean;
          readonly organisation: {
            readonly uuid: string;
            readonly accountName: string | null;
            readonly organisationName: string;
            readonly isActive: 0 | 1;
            readonly isSuspended: 0 | 1;
            readonly settings: Readonly<Record<string, unknown>> | null;
            readonly isPaid: 0 | 1;
          } | null;
        }[],
        readonly {
          readonly role: string;
          readonly organisation: {
            readonly uuid: string;
            readonly accountName: string | null;
            readonly organisationName: string;
            readonly isActive: 0 | 1;
            readonly isSuspended: 0 | 1;
            readonly settings: Readonly<Record<string, unknown>> | null;
            readonly isPaid: 0 | 1;
          } | null;
          readonly message: string;
        }[],
      ];
    };
  };
  /** Sign in with the login token of one role */
  'POST /auth/sign-in': {
    readonly request: {
      readonly is2FAEnabled: boolean;
      readonly loginToken: string;
    };
    readonly reply:
      | {
          readonly is2FAEnabled: boolean;
          readonly loginToken: string;
          readonly pin?: string;
          readonly token: string;
          readonly refreshToken: string;
          readonly user: {
            readonly uuid: string;
            readonly name: string;
            readonly firstName: string;
            readonly lastName: string;
            readonly email: string;
            readonly username: string;
          };
          readonly organisation: {
            readonly uuid: string;
            readonly accountName: string | null;
            readonly organisationName: string;
            readonly isActive: 0 | 1;
            readonly isSuspended: 0 | 1;
            readonly settings: Readonly<Record<string, unknown>> | null;
            readonly isPaid: 0 | 1;
          } | null;
          readonly role: string;
        }
      | {
          readonly is2FAEnabled: true;
          readonly loginToken: string;
        };
  };
  /** Sign in with the PIN that was due */
  'POST /auth/sign-in-with-2fa': {
    readonly request: {
      readonly loginToken: string;
      readonly pin: string;
    };
    readonly reply: {
      readonly is2FAEnabled: boolean;
      readonly loginToken: string;
      readonly pin?: string;
      readonly token: string;
      readonly refreshToken: string;
      readonly user: {
        readonly uuid: string;
        readonly name: string;
        readonly firstName: string;
        readonly lastName: string;
        readonly email: string;
        readonly username: string;
      };
      readonly organisation: {
        readonly uuid: string;
        readonly accountName: string | null;
        readonly organisationName: string;
        readonly isActive: 0 | 1;
        readonly isSuspended: 0 | 1;
        readonly settings: Readonly<Record<string, unknown>> | null;
        readonly isPaid: 0 | 1;
      } | null;
      readonly role: string;
    };
  };
  /** Mail a new PIN */
  'POST /auth/resend-2fa': {
    readonly request: {
      readonly loginToken: string;
    };
    readonly reply: {
      readonly success: true;
    };
  };
  /** Exchange a refresh token for a new pair */
  'POST /auth/refresh': {
    readonly request: {
      readonly refreshToken: string;
    };
    readonly reply: {
      readonly token: string;
      readonly refreshToken: string;
    };
  };
  /** End the session */
  'POST /auth/sign-out': {
    readonly request: null;
    readonly reply: {
      readonly success: true;
    };
  };
  /** Mail a token for a new password, if the address has an account */
  'POST /password/send-token': {
    readonly request: {
      readonly email: string;
    };
    readonly reply: {
      readonly sent: true;
    };
  };
  /** Set a new password with the token */
  'POST /password/reset': {
    readonly request: {
      readonly means: 'token';
      readonly token: string;
      readonly password: string;
    };
    readonly reply: {
      readonly data: {
        readonly status_code: 200;
        readonly message: 'OK';
      };
    };
  };
  /** Sign in as a mobile device, with a resource code, or by e-mail address and password */
  'POST /api/v1/auth/sign-in': {
    readonly request:
      | {
          readonly type: 'mobile-device';
          readonly data: {
            readonly installationId: string;
            readonly password: string;
          };
        }
      | {
          readonly type: 'resource';
          readonly data: {
            readonly resource: string;
          };
        }
      | {
          readonly type: 'email-password';
          readonly data: {
            readonly email: string;
            readonly password: string;
          };
        };
    readonly reply: {
      readonly authorization: {
        readonly token: string;
      };
    };
  };
  /** A challenge for a device’s platform to sign: single use, five minutes */
  'GET /api/v1/auth/get-challenge': {
    readonly request: null;
    readonly reply: {
      readonly challenge: string;
    };
  };
  /** Make an account or an installation, where the mount allows it */
  'POST /api/v1/auth/sign-up': {
    readonly request:
      | {
          readonly type: 'email-password';
          readonly data: {
            readonly email: string;
            readonly password: string;
          };
        }
      | {
          readonly type: 'mobile-device';
          readonly data: {
            readonly installationId: string;
            readonly password: string;
            readonly platform: 'ios' | 'android';
            readonly challenge: string;
            readonly assertionToken: string;
            readonly assertionKeyId?: string;
          };
        };
    readonly reply: {
      readonly id: string;
      readonly role: string;
      readonly createdAt: string;
      readonly updatedAt: string;
    };
  };
  /** Sign in with a user name, an e-mail address or a mobile phone number */
  'POST /auth/login': {
    readonly request: {
      readonly username: string;
      readonly password: string;
    };
    readonly reply: {
      readonly access_token: string;
      readonly jwt_token: string;
      readonly refresh_token: string;
    };
  };
  /** Exchange a refresh token, given in the body or as the bearer token, for a new pair */
  'POST /auth/refresh-token': {
    readonly request: {
      readonly refresh_token?: string;
    };
    readonly reply: {
      readonly access_token: string;
      readonly jwt_token: string;
      readonly refresh_token: string;
    };
  };
  /** End the session */
  'POST /auth/logout': { readonly request: null; readonly reply: null };
  /** The account with its memberships, and the organisation that it acts in */
  'GET /auth/me': {
    readonly request: null;
    readonly reply: {
      readonly id: string;
      readonly username: string | null;
      readonly email: string | null;
      readonly phone: string | null;
      readonly status: 'active' | 'inactive';
      readonly memberships: readonly {
        readonly organisation: string;
        readonly role: string;
      }[];
      readonly effective_organization_id: string | null;
    };
  };
  /** Mail a code for a new password, if the reference names an account */
  'POST /api/public/account/forgot-password': {
    readonly request: {
      readonly user_reference: string;
    };
    readonly reply: null;
  };
  /** Mail a validation code to whom a refused login gave a resend code */
  'POST /api/public/account/resend-validation': {
    readonly request: {
      readonly resend_code: string;
    };
    readonly reply: null;
  };
  /** Validate the account with its password, or set a new password with the code for that */
  'POST /api/public/account/validate': {
    readonly request: {
      readonly code: string;
      readonly password: string;
    };
    readonly reply: {
      readonly email: string;
    };
  };
  /** Sign in with a user name, an e-mail address or a phone number */
  'POST /v1/sign-in': {
    readonly request: {
      readonly identifier: string;
      readonly password: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string | null;
      readonly organisation: string | null;
      readonly role: string;
    };
  };
  /** Exchange the refresh token of a native session for a new pair */
  'POST /v1/refresh': {
    readonly request: {
      readonly refreshToken: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string | null;
      readonly organisation: string | null;
      readonly role: string;
    };
  };
  /** End the session */
  'POST /v1/sign-out': { readonly request: null; readonly reply: null };
  /** Begin to make an account: a code goes to the address, whether or not it is known */
  'POST /v1/sign-up': {
    readonly request: {
      readonly email: string;
      readonly password: string;
      readonly username?: string;
      readonly name?: string;
    };
    readonly reply: {
      readonly challenge_token: string;
    };
  };
  /** Make the account with the code that was mailed, and sign in */
  'POST /v1/sign-up/confirm': {
    readonly request: {
      readonly challenge_token: string;
      readonly code: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string | null;
      readonly organisation: string | null;
      readonly role: string;
    };
  };
  /** Complete a sign-in that asked for a step; answers as the contract where it began */
  'POST /v1/challenges/verify': {
    readonly request:
      | {
          readonly challenge_token: string;
          readonly code: string;
        }
      | {
          readonly challenge_token: string;
          readonly passkey: {
            readonly id: string;
            readonly type: 'public-key';
            readonly response: {
              readonly clientDataJSON: string;
              readonly authenticatorData: string;
              readonly signature: string;
              readonly userHandle?: string;
            };
          };
        };
    readonly reply: Readonly<Record<string, unknown>>;
  };
  /** Mail a new code, at most one in 30 seconds */
  'POST /v1/challenges/resend': {
    readonly request: {
      readonly challenge_token: string;
    };
    readonly reply: {
      readonly accepted: true;
    };
  };
  /** Tell what stands behind a bearer token now: an access token of any mount, or an opaque session token */
  'GET /v1/session': {
    readonly request: null;
    readonly reply: {
      readonly active: true;
      readonly principal: {
        readonly kind: 'account' | 'installation' | 'resource';
        readonly id: string;
      };
      readonly account?: string;
      readonly organisation?: string;
      readonly role?: string;
      readonly effectiveOrganisation?: string;
      readonly scopes: readonly string[];
      readonly amr: readonly string[];
      readonly issuedAt: string;
      readonly expiresAt: string;
    };
  };
  /** The same for a proxy: 200 with identity headers, or 401 without */
  'GET /v1/forward-auth': { readonly request: null; readonly reply: null };
  /** The account’s sessions, those used last first */
  'GET /v1/sessions': {
    readonly request: null;
    readonly reply: {
      readonly sessions: readonly {
        readonly id: string;
        readonly current: boolean;
        readonly mount: string;
        readonly device: string | null;
        readonly address: string | null;
        readonly userAgent: string | null;
        readonly organisation: string | null;
        readonly role: string | null;
        readonly createdAt: string;
        readonly lastUsedAt: string;
      }[];
    };
  };
  /** End all of the account’s sessions but this one */
  'DELETE /v1/sessions': {
    readonly request: null;
    readonly reply: {
      readonly ended: number;
    };
  };
  /** End one of the account’s sessions */
  'DELETE /v1/sessions/{id}': { readonly request: null; readonly reply: null };
  /** Go on in another role of the same account, in a session that takes the place of this one */
  'POST /v1/session/switch': {
    readonly request: {
      readonly organisation: string | null;
      readonly role: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string | null;
      readonly organisation: string | null;
      readonly role: string;
    };
  };
  /** Show the password again, for changes that want a fresh proof: a new session in the place of this one */
  'POST /v1/session/prove': {
    readonly request: {
      readonly password: string;
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string | null;
      readonly organisation: string | null;
      readonly role: string;
    };
  };
  /** The devices that the account recognises, those used last first */
  'GET /v1/devices': {
    readonly request: null;
    readonly reply: {
      readonly devices: readonly {
        readonly id: string;
        readonly name: string | null;
        readonly createdAt: string;
        readonly lastUsedAt: string;
        readonly current: boolean;
      }[];
    };
  };
  /** Forget all of them */
  'DELETE /v1/devices': { readonly request: null; readonly reply: null };
  /** Give one of them a name */
  'POST /v1/devices/{id}': {
    readonly request: {
      readonly name: string;
    };
    readonly reply: null;
  };
  /** Forget one of them: its next sign-in asks for a code again */
  'DELETE /v1/devices/{id}': { readonly request: null; readonly reply: null };
  /** Mail a code for a new password to whoever has a user name, an e-mail address or a phone number */
  'POST /v1/password/forgot': {
    readonly request: {
      readonly identifier: string;
    };
    readonly reply: {
      readonly accepted: true;
    };
  };
  /** Set a new password with the code that was mailed; signs nobody in */
  'POST /v1/password/reset': {
    readonly request: {
      readonly token: string;
      readonly password: string;
    };
    readonly reply: null;
  };
  /** Change the password: ends every other session, and forgets devices */
  'POST /v1/password/change': {
    readonly request: {
      readonly currentPassword: string;
      readonly password: string;
    };
    readonly reply: null;
  };
  /** The account’s second factors */
  'GET /v1/factors': {
    readonly request: null;
    readonly reply: {
      readonly email: {
        readonly on: boolean;
        readonly address: string | null;
      };
      readonly totp: {
        readonly on: boolean;
      };
      readonly recoveryCodes: {
        readonly left: number;
      };
      readonly passkeys: readonly {
        readonly id: string;
        readonly name: string | null;
        readonly synced: boolean;
        readonly backedUp: boolean;
        readonly createdAt: string;
        readonly lastUsedAt: string | null;
      }[];
    };
  };
  /** Begin to set up an authenticator app, or another one in its place */
  'POST /v1/factors/totp': {
    readonly request: null;
    readonly reply: {
      readonly challenge_token: string;
      readonly secret: string;
      readonly uri: string;
      readonly qr: string;
    };
  };
  /** Do without the authenticator app */
  'DELETE /v1/factors/totp': { readonly request: null; readonly reply: null };
  /** Confirm the authenticator app with one of its codes */
  'POST /v1/factors/totp/confirm': {
    readonly request: {
      readonly challenge_token: string;
      readonly code: string;
    };
    readonly reply: {
      readonly recoveryCodes: readonly string[];
    };
  };
  /** Begin to have codes mailed: the first one goes out */
  'POST /v1/factors/email': {
    readonly request: null;
    readonly reply: {
      readonly challenge_token: string;
    };
  };
  /** Have no codes mailed any more */
  'DELETE /v1/factors/email': { readonly request: null; readonly reply: null };
  /** Confirm with the code that was mailed */
  'POST /v1/factors/email/confirm': {
    readonly request: {
      readonly challenge_token: string;
      readonly code: string;
    };
    readonly reply: {
      readonly recoveryCodes: readonly string[];
    };
  };
  /** Ten new recovery codes, in the place of those that are left */
  'POST /v1/factors/recovery-codes': {
    readonly request: null;
    readonly reply: {
      readonly recoveryCodes: readonly string[];
    };
  };
  /** Do without recovery codes */
  'DELETE /v1/factors/recovery-codes': { readonly request: null; readonly reply: null };
  /** Begin to prove the account’s e-mail address: a code is mailed */
  'POST /v1/email/validate': {
    readonly request: null;
    readonly reply: {
      readonly challenge_token: string;
    };
  };
  /** Begin to give the account another e-mail address: a code is mailed to it. Wants a session that is fresh */
  'POST /v1/email': {
    readonly request: {
      readonly email: string;
    };
    readonly reply: {
      readonly challenge_token: string;
    };
  };
  /** Prove the e-mail address with the code that was mailed */
  'POST /v1/email/confirm': {
    readonly request: {
      readonly challenge_token: string;
      readonly code: string;
    };
    readonly reply: null;
  };
  /** Begin to prove the account’s phone number: a code is sent as a text message */
  'POST /v1/phone/validate': {
    readonly request: null;
    readonly reply: {
      readonly challenge_token: string;
    };
  };
  /** Begin to give the account another phone number: a code is sent as a text message to it. Wants a session that is fresh */
  'POST /v1/phone': {
    readonly request: {
      readonly phone: string;
    };
    readonly reply: {
      readonly challenge_token: string;
    };
  };
  /** Prove the phone number with the code that was sent as a text message */
  'POST /v1/phone/confirm': {
    readonly request: {
      readonly challenge_token: string;
      readonly code: string;
    };
    readonly reply: null;
  };
  /** Begin to sign in with a passkey and nothing else: what the browser needs */
  'POST /v1/passkeys/sign-in-options': {
    readonly request: null;
    readonly reply: {
      readonly challenge_token: string;
      readonly options: Readonly<Record<string, unknown>>;
    };
  };
  /** Sign in with a passkey and nothing else */
  'POST /v1/passkeys/sign-in': {
    readonly request: {
      readonly challenge_token: string;
      readonly passkey: {
        readonly id: string;
        readonly type: 'public-key';
        readonly response: {
          readonly clientDataJSON: string;
          readonly authenticatorData: string;
          readonly signature: string;
          readonly userHandle?: string;
        };
      };
    };
    readonly reply: {
      readonly accessToken: string;
      readonly refreshToken: string | null;
      readonly organisation: string | null;
      readonly role: string;
    };
  };
  /** Begin to complete a sign-in that asked for a factor with a passkey: what the browser needs */
  'POST /v1/challenges/passkey': {
    readonly request: {
      readonly challenge_token: string;
    };
    readonly reply: {
      readonly options: Readonly<Record<string, unknown>>;
    };
  };
  /** The account’s passkeys, the oldest first */
  'GET /v1/factors/passkeys': {
    readonly request: null;
    readonly reply: {
      readonly passkeys: readonly {
        readonly id: string;
        readonly name: string | null;
        readonly synced: boolean;
        readonly backedUp: boolean;
        readonly createdAt: string;
        readonly lastUsedAt: string | null;
      }[];
    };
  };
  /** Add the passkey that the browser has made, with a fresh proof; the account’s other sessions end */
  'POST /v1/factors/passkeys': {
    readonly request: {
      readonly challenge_token: string;
      readonly passkey: {
        readonly id: string;
        readonly type: 'public-key';
        readonly response: {
          readonly clientDataJSON: string;
          readonly attestationObject: string;
          readonly transports?: readonly string[];
        };
      };
      readonly name?: string;
    };
    readonly reply: {
      readonly id: string;
      readonly name: string | null;
      readonly synced: boolean;
      readonly backedUp: boolean;
      readonly createdAt: string;
      readonly lastUsedAt: string | null;
    };
  };
  /** Begin to add a passkey, with a fresh proof: what the browser needs */
  'POST /v1/factors/passkeys/options': {
    readonly request: null;
    readonly reply: {
      readonly challenge_token: string;
      readonly options: Readonly<Record<string, unknown>>;
    };
  };
  /** Remove a passkey, with a fresh proof; the account’s other sessions end */
  'DELETE /v1/factors/passkeys/{id}': { readonly request: null; readonly reply: null };
  /** The public keys of access tokens (RFC 7517) */
  'GET /.well-known/jwks.json': { readonly request: null; readonly reply: null };
  /** The sessions whose tokens are to be refused, as they are revoked: for resource servers */
  'GET /v1/revocations': { readonly request: null; readonly reply: null };
  /** Figures for Prometheus: for whoever shows metrics.token; where there is none, for this machine */
  'GET /metrics': { readonly request: null; readonly reply: null };
  /** Whether the process lives */
  'GET /livez': { readonly request: null; readonly reply: null };
  /** Whether it can serve, and if not, what is missing */
  'GET /readyz': { readonly request: null; readonly reply: null };
}
