// Elements of the libraries that authors of XMPP programs in JavaScript know.

import assert from 'node:assert/strict';
import { test } from 'node:test';
// @ts-expect-error: the package ships no types
import foreignXml from '@xmpp/xml';
// @ts-expect-error: the package ships no types
import parse from '@xmpp/xml/lib/parse.js';
import * as ltx from 'ltx';
import { parseElement } from '../../../src/xml/copy.ts';
import { Element, type ElementLike, ownElement, xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { sameTree, treeOf } from '../../support/xml/opinion.ts';

test('an element of ours is itself', () => {
  const own = xml('message', { to: 'a@b' }, xml('body', {}, 'hi'));
  assert.equal(ownElement(own), own);
});

test('@xmpp/xml: a stanza with attributes, text and children', () => {
  const stanza = foreignXml(
    'message',
    { to: 'juliet@capulet.lit', type: 'chat', id: undefined },
    foreignXml('body', {}, 'Wherefore <art> & "thou"?'),
    foreignXml('priority', {}, 5),
  );
  assert.equal(
    `${ownElement(stanza)}`,
    `<message to='juliet@capulet.lit' type='chat'><body>Wherefore &lt;art&gt; &amp; "thou"?</body><priority>5</priority></message>`,
  );
});

test('the namespace of the stream is written only inside other elements', () => {
  const message = (xmlns: string) => foreignXml('message', { xmlns }, foreignXml('body', {}, 'hi'));
  assert.equal(`${ownElement(message(NS.CLIENT))}`, '<message><body>hi</body></message>');
  assert.equal(`${ownElement(message(NS.SERVER))}`, '<message><body>hi</body></message>');
  const forwarded = foreignXml('forwarded', { xmlns: 'urn:xmpp:forward:0' }, message(NS.CLIENT));
  const own = ownElement(forwarded);
  assert.ok(own.getChild('message', NS.CLIENT)?.getChild('body'));
  assert.equal(own.getChild('message'), undefined);
});

test('plain ltx: children inherit the default namespace, not that of a prefix', () => {
  const x = new ltx.Element('p:x', { 'xmlns:p': 'urn:p', xmlns: 'urn:default' });
  x.children.push(new ltx.Element('y'), new ltx.Element('p:z', { 'p:k': 1, l: 'v' }));
  const own = ownElement(x as ElementLike);
  assert.deepEqual([own.name, own.getNS()], ['x', 'urn:p']);
  const [y, z] = own.elements();
  assert.deepEqual([y!.name, y!.getNS()], ['y', 'urn:default']);
  assert.deepEqual([z!.name, z!.getNS(), z!.attrs['p:k'], z!.attrs['xmlns:p']], ['z', 'urn:p', '1', 'urn:p']);
});

test('a converted element means the same as the text of ltx', () => {
  for (const text of [
    `<a xmlns='jabber:client' xmlns:p='urn:p'><p:b p:c='1' d='2'>t<e xmlns='urn:e'><f/><p:g/></e></p:b><h/></a>`,
    `<iq xmlns='jabber:client' type='get' id='1'><query xmlns='${NS.DISCO_INFO}' node='n'/></iq>`,
    `<message xmlns='jabber:client' xml:lang='de'><x xmlns='urn:x'><message xmlns='jabber:client'><body>ü</body></message></x></message>`,
    `<x xmlns='urn:a'><y xmlns='urn:b'><z xmlns='urn:a'/></y></x>`,
  ]) {
    const own = ownElement(parse(text));
    assert.ok(sameTree(treeOf(own, NS.CLIENT), treeOf(parseElement(text), NS.CLIENT)), `${own} for ${text}`);
  }
});

test('foreign children of an element of ours, ours of a foreign one', () => {
  const own = xml('iq', { type: 'result' }, foreignXml('ping', { xmlns: NS.PING }));
  assert.ok(own.getChild('ping', NS.PING) instanceof Element);
  const changed = own.withChildren([...own.children, foreignXml('x', 'urn:x')]);
  assert.ok(changed.elements().every((child) => child instanceof Element));
  const kept = xml('body', {}, 'kept');
  const mixed = ownElement(foreignXml('message', {}, kept));
  assert.equal(mixed.children[0], kept);
  const { children } = own;
  assert.equal(own.withChildren(children).children, children, 'a list of ours is not copied');
});

test('an undeclared prefix is refused', () => {
  assert.throws(() => ownElement(new ltx.Element('p:x') as ElementLike), /prefix "p".*not declared/);
  assert.throws(() => ownElement(new ltx.Element('x', { 'p:y': '1' }) as ElementLike), TypeError);
});
