// The interface of a step of a client's negotiation (starttls.ts, login.ts, bind.ts).

import type { ClientStream } from '../stream/client-stream.ts';
import type { Element } from '../xml/element.ts';
import type { C2SContext, C2SOptions } from './context.ts';
import type { StepName } from './phases.ts';
import type { C2SSession } from './session.ts';

export interface Step {
  readonly name: StepName;
  /** The stream features of this step in the present phase. Called each time features are announced. */
  features(): Element[];
  /** Whether an element belongs to this step, independent of the phase. */
  owns(element: Element): boolean;
  /** Handles an element that it owns, in a phase that allows it. @throws StreamError which ends the stream */
  take(element: Element): void;
  /** Called when the stream has ended before a resource was bound. */
  close?(): void;
}

/** The negotiation that a step belongs to. */
export interface StepOwner {
  readonly context: C2SContext;
  readonly options: C2SOptions;
  readonly stream: ClientStream;
  readonly session: C2SSession;
  /** The prepared localpart; set by the step `sasl`. */
  user: string | undefined;
  /** Enters the next phase, and announces its features. */
  announce(): void;
}
