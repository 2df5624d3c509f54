// `import { … } from 'enjamb/api'`: what every module may use. The list is explicit, and test/api/api.txt shows what each name
// promises. docs/api-changes.md says what changes.

export {
  type Command,
  type CommandContext,
  CommandError,
  type CommandErrorCode,
  type CommandOffer,
  type CommandResult,
  defineCommand,
  runCommand,
} from '../admin/commands.ts';
export {
  account,
  boolean,
  domain,
  domainPattern,
  duration,
  type Infer,
  integer,
  jid,
  list,
  number,
  type Option,
  OptionError,
  type OptionIssue,
  type OptionKind,
  type Options,
  oneOf,
  rate,
  record,
  size,
  string,
} from '../config/options.ts';
export {
  ARCHIVE_FLAGS,
  type ArchiveFilter,
  type ArchivePage,
  type ArchivePosition,
  type ArchiveQuery,
  type ArchiveRow,
  type ArchiveStore,
  type ArchiveUsage,
  type NamedArchiveRow,
  type NewArchiveRow,
  type Retraction,
  type WaitingRows,
} from '../storage/archive.ts';
export { type StorageCondition, StorageError } from '../storage/error.ts';
export { wordsOf } from '../storage/search-words.ts';
export {
  type KeyvalStore,
  MAX_BATCH_BYTES,
  MAX_BATCH_WRITES,
  type MapStore,
  type StoreOptions,
  type Stores,
  type Table,
} from '../storage/stores.ts';
export { ByteBudget } from '../util/byte-budget.ts';
export { type Clock, type ElapsedClock, type Timer, wallTime } from '../util/clock.ts';
export {
  Backoff,
  type BackoffOptions,
  BoundedMap,
  CHUNK_SIZE,
  CongestionWindow,
  type CongestionWindowOptions,
  Gate,
  GateFullError,
  type GateOptions,
  inChunks,
  nextChunk,
  PacedQueue,
  type PacedQueueOptions,
  Rate,
  ResettableTimer,
  TokenBucket,
  TokenBuckets,
  type TokenBucketsOptions,
  type TokenRate,
} from '../util/flow/index.ts';
export { newId } from '../util/ids.ts';
export type { Logger } from '../util/logger.ts';
export type { Counter, Histogram, Labelled, Metrics, Reading } from '../util/metrics.ts';
export { type Holder, SharedBudget } from '../util/shared-budget.ts';
export { compactText } from '../xml/compact-text.ts';
export { flatCopy, parseElement, unflatten } from '../xml/copy.ts';
export { registeredDomain } from '../xml/domain.ts';
export {
  type Attrs,
  Element,
  type ElementLike,
  type Node,
  type NodeLike,
  type Stanza,
  xml,
} from '../xml/element.ts';
export {
  type ErrorType,
  errorReply,
  IqTimeoutError,
  type SaslCondition,
  type StanzaCondition,
  StanzaError,
  type StanzaErrorDetails,
  type StreamCondition,
  StreamError,
} from '../xml/errors.ts';
export { type FlatElement, serializeFlat } from '../xml/flat.ts';
export { Jid } from '../xml/jid.ts';
export { keptText } from '../xml/kept-text.ts';
export { detach } from '../xml/names.ts';
export { NS } from '../xml/namespaces.ts';
export { preserialized, serialize, share } from '../xml/serialize.ts';
export { nodesBytes, treeBytes } from '../xml/tree-bytes.ts';
export { isLocalBounce } from './bounces.ts';
export type {
  Answer,
  AnsweredEvent,
  Event,
  EventName,
  Events,
  Handler,
  Kind,
  Notification,
  Observer,
  Payload,
  Stage,
  StanzaEvent,
  StanzaNotes,
  Target,
} from './events.ts';
export type { AnswerOrigin, AskedIq, FollowIq, IqAnswer, IqQuestion } from './iq.ts';
export type { Link } from './link.ts';
export {
  defineModule,
  type Exports,
  type IqHandler,
  type IqMatch,
  type IqRequest,
  type Items,
  type Module,
  type ModuleDefinition,
  type OwnerQuestion,
  type OwnerQuestions,
  type SendOptions,
} from './module.ts';
export { payerOf } from './payer.ts';
export { refusalFor } from './refusal.ts';
export type {
  C2SSession,
  C2SState,
  Host,
  HostOrigin,
  Origin,
  S2SCloseCause,
  S2SState,
  S2SStream,
  Sessions,
} from './session.ts';
export { API_VERSION } from './version.ts';
