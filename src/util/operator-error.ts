// The base class of errors for administrators.

/** An error whose message tells the administrator what is wrong. It is shown without a stack. */
export class OperatorError extends Error {
  /** The code under which docs/errors.md explains the error, if it does. */
  get documentedAs(): string | undefined {
    return undefined;
  }

  /** Whether the server or its machine is at fault, not the request. */
  get isFault(): boolean {
    return false;
  }

  /** Whether it is about storage, whatever part of the server it has reached: a full disk concerns every part. */
  get isOfStorage(): boolean {
    return false;
  }
}
