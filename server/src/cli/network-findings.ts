import type { Configuration } from '../config.ts';
import { isBrowserRpId, relyingPartyOf } from '../factors/relying-party.ts';
import type { Finding } from './finding.ts';

/** Under which address people come here, and who is believed about theirs. */
export function networkFindings(config: Configuration): Finding[] {
  const open = !['127.0.0.1', '::1', 'localhost'].includes(config.listen.host);
  const findings: Finding[] = [];
  if (config.publicUrl === null) {
    findings.push({
      about: 'publicUrl',
      state: open ? 'warn' : 'ok',
      message: open
        ? 'not set: tokens name the address that is listened on as their issuer. Set publicUrl.'
        : 'made from the address that is listened on',
    });
  } else if (config.publicUrl.startsWith('http:') && open) {
    findings.push({
      about: 'publicUrl',
      state: 'warn',
      message: `${config.publicUrl} is not https: passwords and tokens can be read on the way. Put a TLS proxy in front.`,
    });
  } else {
    findings.push({ about: 'publicUrl', state: 'ok', message: config.publicUrl });
  }
  return [...findings, proxyFinding(config)];
}

function proxyFinding({ trustedProxies, publicUrl }: Configuration): Finding {
  const about = 'proxies';
  const everybody = trustedProxies.find((block) => block.endsWith('/0'));
  if (everybody !== undefined)
    return {
      about,
      state: 'fail',
      message: `trustedProxies has ${everybody}: every client can choose its address and so escape its limits. Name your proxies only.`,
    };
  if (trustedProxies.length > 0)
    return { about, state: 'ok', message: `X-Forwarded-For is believed from ${trustedProxies.join(', ')}` };
  // It speaks no TLS itself: whoever does for it is the address of every client.
  if (publicUrl?.startsWith('https:'))
    return {
      about,
      state: 'warn',
      message:
        'none, and publicUrl is https: all clients have the address of what ends TLS, and share its limits. Name it in trustedProxies.',
    };
  return { about, state: 'ok', message: 'none: X-Forwarded-For is ignored' };
}

/** Whether browsers can use passkeys here. */
export function passkeyFinding({ passkeys, publicUrl, listen }: Configuration): Finding {
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const party = relyingPartyOf(passkeys, publicUrl ?? `http://${host}:${listen.port}`);
  return isBrowserRpId(party)
    ? {
        about: 'passkeys',
        state: 'ok',
        message: `bound to ${party.id}, used from ${party.origins.join(', ')}`,
      }
    : {
        about: 'passkeys',
        state: 'warn',
        message: `bound to ${party.id}, used from ${party.origins.join(', ')}: browsers take a host name over https only, or localhost. Set publicUrl.`,
      };
}
