// Errors of loading and unloading modules, with codes that stay the same across releases.

import { OperatorError } from '../util/operator-error.ts';

export type ModuleErrorCode =
  | 'MODULE_NOT_FOUND'
  | 'MODULE_INVALID'
  | 'MODULE_DEPENDENCY_MISSING'
  | 'MODULE_DEPENDENCY_CIRCULAR'
  | 'MODULE_API_VERSION'
  | 'MODULE_WRONG_SCOPE'
  | 'MODULE_IN_USE'
  | 'MODULE_NOT_LOADED'
  | 'MODULE_HANDLER_CONFLICT'
  | 'MODULE_LOAD_FAILED';

/** A module cannot be loaded or unloaded; the message names the module, the reason and the remedy. */
export class ModuleError extends OperatorError {
  readonly code: ModuleErrorCode;
  readonly module: string;

  constructor(code: ModuleErrorCode, module: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ModuleError';
    this.code = code;
    this.module = module;
  }

  override get documentedAs(): string {
    return this.code;
  }
}
