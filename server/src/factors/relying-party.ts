import { isIP } from 'node:net';

/** What passkeys are bound to (WebAuthn §5.1.2), by configuration alone: no request header says where we are. */
export interface RelyingParty {
  /** A host name: a passkey is good on it and below it. */
  readonly id: string;
  /** The pages that may use it. */
  readonly origins: readonly string[];
}

/** The configuration's `passkeys` section. */
export interface PasskeySettings {
  readonly rpId?: string | undefined;
  readonly origins: readonly string[];
}

const HOST_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** An app for Android speaks for itself by the hash of its certificate. */
const ANDROID_APP = /^android:apk-key-hash:[A-Za-z0-9_-]{43}$/;

/** The relying party that the settings make. @param publicUrl a URL without a slash at its end */
export function relyingPartyOf(settings: PasskeySettings, publicUrl: string): RelyingParty {
  const { origin, hostname } = new URL(publicUrl);
  return { id: settings.rpId ?? hostname, origins: [...new Set([origin, ...settings.origins])] };
}

/**
 * What is wrong with the settings, a sentence each.
 * @param publicUrl null when it is only known once the server listens
 */
export function relyingPartyProblems(settings: PasskeySettings, publicUrl: string | null): string[] {
  const problems: string[] = [];
  const host = publicUrl === null ? null : new URL(publicUrl).hostname;
  const { rpId, origins } = settings;
  const id = rpId ?? host;
  if (id === null)
    return origins.length === 0
      ? []
      : ['passkeys.origins: needs publicUrl or passkeys.rpId, which say what they are below'];
  if (rpId !== undefined && !isRpId(rpId, host))
    problems.push('passkeys.rpId: must be a host name: that of publicUrl, or one that it is below');
  for (const origin of origins)
    if (!isOriginBelow(origin, id))
      problems.push(
        `passkeys.origins: ${origin} is no https origin on or below ${id} (http for localhost only), nor android:apk-key-hash:…`,
      );
  return problems;
}

/** Whether browsers can make passkeys for it: they want a name, and a page that nobody on the way can change. */
export function isBrowserRpId({ id, origins }: RelyingParty): boolean {
  return HOST_NAME.test(id) && isIP(id) === 0 && origins.some((origin) => isOriginBelow(origin, id));
}

function isRpId(id: string, host: string | null): boolean {
  if (!HOST_NAME.test(id) || isIP(id) !== 0) return false;
  if (host === null || id === host) return true;
  // A whole top-level domain is nobody's: browsers refuse it.
  return id.includes('.') && host.endsWith(`.${id}`);
}

function isOriginBelow(text: string, id: string): boolean {
  if (ANDROID_APP.test(text)) return true;
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  const isLocal = hostname === 'localhost' || hostname.endsWith('.localhost');
  return (
    origin === text &&
    (protocol === 'https:' || (protocol === 'http:' && isLocal)) &&
    (hostname === id || hostname.endsWith(`.${id}`))
  );
}
