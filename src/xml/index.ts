export * from './element.ts';
export * from './errors.ts';
export * from './jid.ts';
export * from './namespaces.ts';
export { openTag, serialize, share } from './serialize.ts';
