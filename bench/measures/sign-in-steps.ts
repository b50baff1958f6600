import { type CpuProfile, partsOf, sourceOf } from '../cpu-profile.ts';

/** What a sign-in does on the main thread, and the sources that do it. What libraries do is of the step that asks them. */
export const SIGN_IN_STEPS = {
  identify: ['who is named', /^server\/src\/(sign-in\/identify|accounts\/)/],
  limits: [
    'limits and counters',
    /^server\/src\/(limits\/|sign-in\/(throttle|gate|admit|count-|account-policy|lock))/,
  ],
  password: [
    'the password, to the hashing threads and back',
    /^server\/src\/(crypto\/.*(hash|pool)|passwords\/|sign-in\/(verify-credential|renew-hash))/,
  ],
  devices: ['devices', /^server\/src\/sign-in\/(device|new-device)/],
  tokens: ['tokens made and signed', /^server\/src\/(tokens|crypto)\//],
  session: ['role, factors and session', /^server\/src\/(sign-in|sessions|factors|commands)\//],
  audit: ['audit and metrics', /^server\/src\/(audit|observability)\//],
  store: ['rows, statements and commits', /^server\/src\/store\//],
  garbage: ['garbage collected', /^\(garbage collector\)$/],
  engine: ['the engine’s and the system’s own', /^\(program\)$/],
  http: ['HTTP, routes and bodies', /^server\/src\//],
} as const satisfies Record<string, readonly [string, RegExp]>;

/** The name of a step. */
export type SignInStep = keyof typeof SIGN_IN_STEPS;

/** The part of the main thread's time that each step has. What no source of ours has asked for is of HTTP. */
export function stepsOf(profile: CpuProfile): ReadonlyMap<SignInStep, number> {
  const parts = partsOf(profile, (frame) => stepAt(sourceOf(frame) ?? frame.functionName), 'http');
  const names = Object.keys(SIGN_IN_STEPS) as SignInStep[];
  return new Map(names.map((name) => [name, parts.get(name) ?? 0]));
}

function stepAt(place: string): SignInStep | null {
  for (const [name, [, pattern]] of Object.entries(SIGN_IN_STEPS))
    if (pattern.test(place)) return name as SignInStep;
  return null;
}
