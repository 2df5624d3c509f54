// `import { … } from 'enjamb/xep'`: what more than one module needs of a protocol.

export { booleanValue, buildForm, type Field, type FieldType, type FormOptions, readForm } from './form.ts';
export { hasStatus, isSelfPresence } from './muc.ts';
export { delayBy, isStampOf, withDelay } from './stamps.ts';
export { isSubscriptionType, type SubscriptionType } from './subscription.ts';
