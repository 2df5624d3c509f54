import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
// @ts-expect-error: the package ships no types
import foreignXml from '@xmpp/xml';
import fc from 'fast-check';
import { parseElement } from '../../../src/xml/copy.ts';
import { type Attrs, type Element, type Node, xml } from '../../../src/xml/element.ts';
import { openTag, preserialized, serialize, share } from '../../../src/xml/serialize.ts';

describe('serialize', () => {
  it('writes elements, attributes and text', () => {
    const message = xml(
      'message',
      { to: 'romeo@example.net', type: 'chat' },
      xml('body', {}, 'Hi'),
      xml('a', 'u'),
      'x',
    );
    assert.equal(
      serialize(message),
      "<message to='romeo@example.net' type='chat'><body>Hi</body><a xmlns='u'/>x</message>",
    );
    assert.equal(`${message}`, serialize(message));
  });

  it('leaves out attributes that are undefined and writes empty ones', () => {
    const element = xml('a', { c: '' });
    element.attrs.b = undefined;
    assert.equal(serialize(element), "<a c=''/>");
  });

  it('XML 1.0 §2.4: escapes markup in text and leaves quotes alone', () => {
    assert.equal(
      serialize(xml('a', {}, `<b c="d">&'e'</b> ]]>`)),
      `<a>&lt;b c="d"&gt;&amp;'e'&lt;/b&gt; ]]&gt;</a>`,
    );
  });

  it('XML 1.0 §3.3.3: characters that parsers normalise in attributes are written as references', () => {
    assert.equal(serialize(xml('a', { b: `\t\n\r<>&"'` })), `<a b='&#9;&#10;&#13;&lt;&gt;&amp;"&apos;'/>`);
  });

  it('XML 1.0 §2.11: CR in text is written as a reference, TAB and LF as they are', () => {
    assert.equal(serialize(xml('a', {}, '\r\n\t')), '<a>&#13;\n\t</a>');
  });

  it('XML 1.0 §2.2: characters that XML does not allow become U+FFFD', () => {
    const text = '\0\u0008\u000b\u001f\uFFFE\uFFFF\uD800x\uDC00';
    assert.equal(
      serialize(xml('a', { b: text }, text)),
      "<a b='������\uFFFDx\uFFFD'>������\uFFFDx\uFFFD</a>",
    );
  });

  it('keeps every character that XML can hold', () => {
    const text = '\u007f\u0085é€😀\uFFFD\u{10FFFF}';
    assert.equal(serialize(xml('a', { b: text }, text)), `<a b='${text}'>${text}</a>`);
  });

  it('prefixes of the stream header are written as they are', () => {
    assert.equal(
      serialize(xml('stream:features', {}, xml('db:x'))),
      '<stream:features><db:x/></stream:features>',
    );
  });

  for (const name of ['', 'a b', 'a><evil/', 'a=', '1a', 'a:b:c', ':a', 'a:', 'a\n', '\u0301']) {
    it(`throws for the name ${JSON.stringify(name)}, of an element or an attribute`, () => {
      assert.throws(() => serialize(xml(name)), /Not an XML name/);
      assert.throws(() => serialize(xml('a', { [name]: 'x' })), /Not an XML name/);
    });
  }

  it('names are checked after any number of other names', () => {
    for (let i = 0; i < 5000; i++)
      assert.equal(serialize(xml(`n${i}`, { [`k${i}`]: '' })), `<n${i} k${i}=''/>`);
    assert.throws(() => serialize(xml('n 1')), /Not an XML name/);
  });
});

describe('openTag', () => {
  it('RFC 6120 §4.2: writes a header without closing it', () => {
    assert.equal(
      openTag(xml('stream:stream', { xmlns: 'jabber:client', to: "a'b" }, 'x')),
      "<stream:stream xmlns='jabber:client' to='a&apos;b'>",
    );
  });
});

describe('share', () => {
  const original = () => xml('message', { type: 'groupchat' }, xml('body', {}, 'a & b'), 'x');

  it('copies made before and after serialise to the same as without it', () => {
    const message = original();
    const before = message.with({ to: 'a@example.net' });
    assert.equal(share(message), message);
    const after = message.with({ to: 'b@example.net', type: undefined });
    assert.equal(
      `${before}`,
      "<message type='groupchat' to='a@example.net'><body>a &amp; b</body>x</message>",
    );
    assert.equal(`${after}`, "<message to='b@example.net'><body>a &amp; b</body>x</message>");
    assert.equal(`${message}`, `${original()}`);
  });

  it('serialises the children once for all copies', () => {
    let reads = 0;
    const body = xml('body', {}, 'text');
    Object.defineProperty(body.attrs, 'x', { enumerable: true, get: () => `${++reads}` });
    const message = share(xml('message', {}, body));
    for (let i = 0; i < 10; i++) assert.match(`${message.with({ id: `${i}` })}`, /<body x='1'>/);
    share(message.with({ id: 'again' }));
    assert.equal(reads, 1);
  });

  it('freezes the children, since shared text must not change', () => {
    const message = share(original());
    assert.throws(() => message.append('more'), TypeError);
    assert.throws(() => message.with({}).append('more'), TypeError);
  });

  it('works without children and inside another element', () => {
    assert.equal(`${share(xml('presence'))}`, '<presence/>');
    assert.equal(`${xml('iq', {}, share(original()), xml('a'))}`, `<iq>${original()}<a/></iq>`);
  });

  it('a copy with other children is not affected', () => {
    assert.equal(
      `${share(original()).withChildren([xml('subject')])}`,
      "<message type='groupchat'><subject/></message>",
    );
  });
});

describe('plus', () => {
  const id = () => xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: 'a@example.net' });

  it('copies an element with one more child', () => {
    const message = xml('message', { to: 'a@example.net' }, xml('body', {}, 'text'));
    const more = message.plus(id());
    assert.equal(
      `${more}`,
      "<message to='a@example.net'><body>text</body><stanza-id xmlns='urn:xmpp:sid:0' by='a@example.net'/></message>",
    );
    assert.equal(`${message}`, "<message to='a@example.net'><body>text</body></message>");
  });

  it('serialises shared children once, and each added child once', () => {
    let reads = 0;
    const body = xml('body', {}, 'a & b');
    Object.defineProperty(body.attrs, 'x', { enumerable: true, get: () => `${++reads}` });
    const message = share(xml('message', {}, body));
    const more = message.plus(id()).plus(xml('delay', { from: 'b' }));
    const expected = "<body x='1'>a &amp; b</body><stanza-id xmlns='urn:xmpp:sid:0' by='a@example.net'/>";
    assert.equal(`${more}`, `<message>${expected}<delay from='b'/></message>`);
    assert.equal(`${more.with({ to: 'c' })}`, `<message to='c'>${expected}<delay from='b'/></message>`);
    assert.equal(reads, 1);
  });

  it('an added child without a namespace is in that of its new parent', () => {
    const query = xml('query', 'urn:example:q').plus(xml('item'));
    assert.equal(query.getChild('item')?.getNS(), 'urn:example:q');
  });

  it('a child keeps the parent that it has', () => {
    const [item] = xml('query', 'urn:example:q', xml('item')).elements();
    xml('message').plus(item!);
    assert.equal(item!.getNS(), 'urn:example:q');
  });

  it('takes elements of @xmpp/xml', () => {
    const body = foreignXml('body', {}, 'text');
    assert.equal(`${xml('message').plus(body)}`, '<message><body>text</body></message>');
  });
});

describe('preserialized', () => {
  it('writes the text after the visible children', () => {
    const forwarded = preserialized(
      xml('forwarded', 'urn:xmpp:forward:0', xml('delay')),
      '<message><body>a &amp; b</body></message>',
    );
    const text =
      "<forwarded xmlns='urn:xmpp:forward:0'><delay/><message><body>a &amp; b</body></message></forwarded>";
    assert.equal(`${forwarded}`, text);
    assert.equal(`${xml('message', {}, forwarded)}`, `<message>${text}</message>`);
    assert.deepEqual(
      forwarded.elements().map(({ name }) => name),
      ['delay'],
    );
  });

  it('needs no visible child', () => {
    assert.equal(`${preserialized(xml('message'), '<body/>')}`, '<message><body/></message>');
  });
});

describe('round trips', () => {
  const text = fc
    .string({ unit: 'grapheme' })
    .filter((value) => !/[\0-\x08\x0b\x0c\x0e-\x1f\uFFFE\uFFFF]/.test(value));
  const attrs: fc.Arbitrary<Attrs> = fc.dictionary(fc.constantFrom('to', 'from', 'xml:lang', 'é'), text);
  const tree: fc.Arbitrary<Element> = fc.letrec<{ tree: Element }>((tie) => ({
    tree: fc
      .tuple(
        fc.constantFrom('a', 'b', 'ü'),
        attrs,
        fc.array(fc.oneof({ depthSize: 'small' }, text, tie('tree')), { maxLength: 4 }),
      )
      .map(([name, given, children]: [string, Attrs, Node[]]) => xml(name, given, ...children)),
  })).tree;

  it('any tree with valid text is parsed to the same tree', () => {
    fc.assert(
      fc.property(tree, (given) => {
        assert.deepEqual(shape(parseElement(serialize(given))), shape(given));
      }),
      { numRuns: 1000 },
    );
  });

  it('any text gives well-formed XML', () => {
    const wild = fc.string({ unit: fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(fc.oneof(wild, fc.string({ unit: 'binary' }), fc.constantFrom('\uD83D', '\0')), (value) => {
        const back = parseElement(serialize(xml('a', { b: value }, value)));
        const expected = value.toWellFormed().replace(/[\0-\x08\x0b\x0c\x0e-\x1f\uFFFE\uFFFF]/g, '\uFFFD');
        assert.equal(back.text(), expected);
        assert.equal(back.attrs.b, expected);
      }),
      { numRuns: 1000 },
    );
  });

  type Shape = [name: string, attrs: Attrs, children: (Shape | string)[]];

  /** Neighbouring texts are one text in XML, and an empty one is none. */
  function shape(element: Element): Shape {
    const children: (Shape | string)[] = [];
    for (const child of element.children) {
      const last = children.at(-1);
      if (typeof child !== 'string') children.push(shape(child));
      else if (typeof last === 'string') children[children.length - 1] = last + child;
      else if (child !== '') children.push(child);
    }
    return [element.name, { ...element.attrs }, children];
  }
});
