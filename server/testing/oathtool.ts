import { execFileSync } from 'node:child_process';

/**
 * The TOTP code that Debian's `oathtool` makes of a seed: an implementation that has nothing in common with ours.
 * @param seed in base32 @param now milliseconds since 1970
 */
export function oathtoolCode(seed: string, now: number): string {
  const at = `@${Math.floor(now / 1000)}`;
  return execFileSync('oathtool', ['--totp=sha1', '--digits=6', '--base32', `--now=${at}`, seed], {
    encoding: 'utf8',
  }).trim();
}
