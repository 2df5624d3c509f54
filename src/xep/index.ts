// `import { … } from 'enjamb/xep'`: what more than one module needs of a protocol.

export { formatDateTime, parseDateTime } from './date-time.ts';
export { booleanValue, buildForm, type Field, type FieldType, type FormOptions, readForm } from './form.ts';
export { type Hint, hasHint, isHint } from './hints.ts';
export {
  type MamQuery,
  type MamResult,
  mamFin,
  mamForm,
  mamResult,
  mamSearchWords,
  readMamQuery,
} from './mam.ts';
export {
  type MamPage,
  type MamPageLimits,
  type MamPageRequest,
  mamEnvelopeBytes,
  mamFinOf,
  mamPageRequest,
} from './mam-page.ts';
export { hasStatus, isSelfPresence } from './muc.ts';
export { refuseStrangers } from './own-data.ts';
export { isPing, pingRequest } from './ping.ts';
export { type Page, type PageRequest, pageElement, readPageRequest } from './rsm.ts';
export { delayBy, isStampOf, stanzaIdBy, withDelay } from './stamps.ts';
export { isSubscriptionType, type SubscriptionType } from './subscription.ts';
