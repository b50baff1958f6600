/** What `latchkey doctor` has found out about a part of the set-up. */
export interface Finding {
  readonly about: string;
  readonly state: 'ok' | 'warn' | 'fail';
  /** What is so, and, where it is not well, what to do. */
  readonly message: string;
}
