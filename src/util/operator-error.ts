// The base of all errors that administrators read.

/** An error whose message is a sentence for the administrator, who can act on it: it is shown without a stack. */
export class OperatorError extends Error {
  /** The word under which docs/errors.md explains it, if it does. */
  get documentedAs(): string | undefined {
    return undefined;
  }

  /** Whether the server or its machine is broken, and not only the request wrong. */
  get isFault(): boolean {
    return false;
  }

  /** Whether it is about storage, whatever part of the server it has reached: a full disk concerns every part. */
  get isOfStorage(): boolean {
    return false;
  }
}
