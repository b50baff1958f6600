/** A mistake of the operator's, told in one clear line without a stack trace. The command line exits with 1. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/** Every mistake found in the configuration, told together. */
export class ConfigurationError extends OperatorError {
  /** One sentence a mistake, each naming its key. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`configuration: ${problems.join('\n  ')}`);
    this.problems = problems;
  }
}

/** The store cannot be reached or cannot take a write now. Doors answer 503; nothing happened, or it is safe to repeat. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** A write met a row that must be unique, or named one that does not exist. */
export class StoreConflictError extends Error {
  override readonly name = 'StoreConflictError';
}

/** Somebody else had a lock for longer than it may be waited for. Nothing happened. */
export class StoreBusyError extends Error {
  override readonly name = 'StoreBusyError';
}
