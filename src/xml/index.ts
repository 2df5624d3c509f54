export { flatCopy, parseElement } from './copy.ts';
export * from './element.ts';
export * from './errors.ts';
export * from './jid.ts';
export { detach } from './names.ts';
export * from './namespaces.ts';
export * from './parser.ts';
export { opaqueString, usernameCaseMapped } from './precis.ts';
export { openTag, serialize, share } from './serialize.ts';
