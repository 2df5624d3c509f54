// `import { … } from 'enjamb/api/stream'`: for modules that take part in streams. In-tree: it may change in any release, and
// the changelog says so. test/api/stream.txt shows what each name promises.

import type { Element } from '../xml/element.ts';
import type { Module } from './module.ts';
import type { C2SSession, S2SStream } from './session.ts';

export { SaslError } from '../xml/errors.ts';
export { DEFAULT_LIMITS } from '../xml/limits.ts';
export type { OutgoingElement } from './events.ts';
export type {
  ChannelBindings,
  Login,
  LoginStart,
  SaslConnection,
  SaslMechanism,
  SaslMechanisms,
  SaslOffer,
  SaslProfile,
  SaslProfileOffer,
  SaslRequest,
  SaslStep,
} from './login.ts';
export type { Json, SessionPart } from './session.ts';

export interface NonzaMatch {
  readonly on: readonly ('c2s' | 's2s')[];
  readonly name: string;
  readonly xmlns: string;
}
export type NonzaHandler = (element: Element, session: C2SSession | S2SStream) => void;

/** What a module may do with streams. What it registers is undone when the module unloads. */
export interface Streams {
  /**
   * Registers the one handler for a top-level element that is no stanza (XEP-0360), on bound streams.
   * @throws ModuleError when another module handles it already
   */
  handleNonza(match: NonzaMatch, handler: NonzaHandler): void;
  /**
   * Returns the stream on which this host speaks to another server, made when there is none. It is as secure as it will be,
   * but perhaps not authenticated yet.
   * @throws Error when the server cannot be reached
   */
  connectRemote(remote: string): Promise<S2SStream>;
}

/** Gives a module access to streams. */
export function streams(module: Module): Streams {
  return module as Module & Streams; // One object serves both doors: the types keep them apart.
}
