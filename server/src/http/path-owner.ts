import type { Contract } from '../contracts/contract.ts';

/** A contract with the prefix that it is mounted under. */
export interface Owner {
  readonly prefix: string;
  readonly contract: Contract;
}

/** A route as the server has it. */
export interface Route {
  readonly method: string;
  readonly url: string;
}

/** The path of a request target, in either of its forms (RFC 9112 §3.2). */
export function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/)[0] ?? '';
}

/**
 * The contract that words what is wrong with a path: the one that has it, else the one with the longest way in common with
 * it, and of several the one that is mounted last. Null when it has nothing in common with any.
 */
export function ownerOf(path: string, owners: readonly Owner[]): Contract | null {
  const having = owners.find(({ prefix, contract }) =>
    contract.endpoints.some((endpoint) => isAt(prefix + endpoint.path, path)),
  );
  if (having) return having.contract;
  const shared = owners.map(({ prefix, contract }) =>
    Math.max(0, ...contract.endpoints.map((endpoint) => sharedSegments(prefix + endpoint.path, path))),
  );
  const longest = Math.max(0, ...shared);
  return longest === 0 ? null : (owners[shared.lastIndexOf(longest)]?.contract ?? null);
}

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'] as const;

/** The methods that a path takes; none when there is nothing at it. */
export function methodsAt(path: string, routes: readonly Route[]): string[] {
  const here = routes.filter(({ url }) => isAt(url, path));
  return METHODS.filter((method) => here.some((route) => route.method === method));
}

/** Whether a path is one of a route's: `:name` in the route stands for one segment. */
function isAt(route: string, path: string): boolean {
  const [wanted, given] = [route.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  );
}

/** How many segments two paths have in common before they part. */
function sharedSegments(one: string, other: string): number {
  const [segments, others] = [one.split('/').slice(1), other.split('/').slice(1)];
  const parting = segments.findIndex((segment, index) => segment !== others[index]);
  return parting < 0 ? segments.length : parting;
}
