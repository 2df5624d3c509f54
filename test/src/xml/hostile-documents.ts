// Documents that a server must not take, each with the stream error that it must answer (RFC 6120 §4.9.3, §11).

import { HEADER } from './feed.ts';

export type Hostile = [what: string, document: string | Buffer, condition: string];

/** In a stanza's content. */
function inside(content: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${HEADER}<message>`), Buffer.from(content), Buffer.from('</message>')]);
}

function stanza(text: string): string {
  return HEADER + text;
}

function bytes(...values: number[]): Buffer {
  return Buffer.from(values);
}

const NOT_WELL_FORMED = 'not-well-formed';
const RESTRICTED = 'restricted-xml';

export const TAGS: Hostile[] = [
  ['mismatched end tag', stanza('<message><body>x</message></body>'), NOT_WELL_FORMED],
  ['end tag of another stanza', stanza('<message></presence>'), NOT_WELL_FORMED],
  ['end tag in another case', stanza('<message></Message>'), NOT_WELL_FORMED],
  [
    'end tag with another prefix',
    stanza("<message xmlns:a='u' xmlns:b='u'><a:x></b:x></message>"),
    NOT_WELL_FORMED,
  ],
  ['end tag with an attribute', stanza("<message></message x='1'>"), NOT_WELL_FORMED],
  ['end tag that is empty too', stanza('<message></message/>'), NOT_WELL_FORMED],
  ['end tag without a name', stanza('<message></>'), NOT_WELL_FORMED],
  ['end tag with white space before the name', stanza('<message></ message>'), NOT_WELL_FORMED],
  ['end tag before the root', '</stream>', NOT_WELL_FORMED],
  ['extra end tag', stanza('</stream:stream></stream:stream>'), NOT_WELL_FORMED],
  ['slash inside a tag', stanza('<message a/b>'), NOT_WELL_FORMED],
  ['slash inside a name', stanza('<a/b>'), NOT_WELL_FORMED],
  ['white space between slash and end', stanza('<message/ >'), NOT_WELL_FORMED],
  ['exclamation mark in a name', stanza('<a!b>'), NOT_WELL_FORMED],
  ['white space before the name', stanza('< message/>'), NOT_WELL_FORMED],
  ['tag in a tag', stanza('<message <body>'), NOT_WELL_FORMED],
  ['empty tag', stanza('<>'), NOT_WELL_FORMED],
  ['comment in a tag', stanza('<message <!-- --> />'), NOT_WELL_FORMED],
  ['end tag of the stream inside a stanza', stanza('<message></stream:stream>'), NOT_WELL_FORMED],
  ['end tag of the stream by another prefix', stanza('</stream>'), NOT_WELL_FORMED],
  ['end tag longer than its start tag', stanza('<message></messages>'), NOT_WELL_FORMED],
  ['end tag shorter than its start tag', stanza('<message></messag>'), NOT_WELL_FORMED],
  ['greater-than missing', stanza('<message></message<presence/>'), NOT_WELL_FORMED],
  ['second root', stanza('</stream:stream><stream/>'), NOT_WELL_FORMED],
  ['text after the root', stanza('</stream:stream>x'), NOT_WELL_FORMED],
  ['text before the root', `x${HEADER}`, NOT_WELL_FORMED],
  ['byte order mark, which RFC 6120 §11.6 takes for text', `\uFEFF${HEADER}`, NOT_WELL_FORMED],
];

export const NAMES: Hostile[] = [
  ['digit first', stanza('<1a/>'), NOT_WELL_FORMED],
  ['hyphen first', stanza('<-a/>'), NOT_WELL_FORMED],
  ['dot first', stanza('<.a/>'), NOT_WELL_FORMED],
  ['multiplication sign', stanza('<×/>'), NOT_WELL_FORMED],
  ['multiplication sign within', stanza('<a×b/>'), NOT_WELL_FORMED],
  ['combining character first', stanza('<\u0301a/>'), NOT_WELL_FORMED],
  ['quote in the name', stanza('<a"b/>'), NOT_WELL_FORMED],
  ['greater-than in an attribute name', stanza("<a b>c='d'/></a>"), NOT_WELL_FORMED],
  ['less-than in an attribute name', stanza("<a b<c='d'/>"), NOT_WELL_FORMED],
  ['two colons', stanza("<message xml:b:c='d'/>"), NOT_WELL_FORMED],
  ['colon first', stanza('<:a/>'), NOT_WELL_FORMED],
  ['colon last', stanza('<stream:/>'), NOT_WELL_FORMED],
  ['digit after the colon', stanza('<stream:1/>'), NOT_WELL_FORMED],
  ['control character', stanza('<a\u0001/>'), NOT_WELL_FORMED],
  ['NUL', stanza('<a\0/>'), NOT_WELL_FORMED],
  ['U+FFFE', stanza('<a\uFFFE/>'), NOT_WELL_FORMED],
  ['multiplication sign in an attribute name', stanza("<a b×='c'/>"), NOT_WELL_FORMED],
  ['digit first in an attribute name', stanza("<a 1='c'/>"), NOT_WELL_FORMED],
  ['declaration of a prefix without one', stanza("<a xmlns:='u'/>"), NOT_WELL_FORMED],
  ['declaration of a prefix that is no name', stanza("<a xmlns:1='u'/>"), NOT_WELL_FORMED],
  [
    'name that is not UTF-8',
    Buffer.concat([Buffer.from(`${HEADER}<a`), bytes(0xc3), Buffer.from('/>')]),
    NOT_WELL_FORMED,
  ],
];

export const ATTRIBUTES: Hostile[] = [
  ['given twice', stanza("<message to='a' to='b'/>"), NOT_WELL_FORMED],
  ['given twice with others between', stanza("<message to='a' b='' c='' to = 'a'/>"), NOT_WELL_FORMED],
  [
    'given twice through two prefixes',
    stanza("<message xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>"),
    NOT_WELL_FORMED,
  ],
  ['namespace declared twice', stanza("<message xmlns='a' xmlns='b'/>"), NOT_WELL_FORMED],
  ['prefix declared twice', stanza("<message xmlns:a='a' xmlns:a='b'/>"), NOT_WELL_FORMED],
  ['value without quotes', stanza('<message to=a/>'), NOT_WELL_FORMED],
  ['no value', stanza('<message to/>'), NOT_WELL_FORMED],
  ['no value after the equals sign', stanza('<message to=/>'), NOT_WELL_FORMED],
  ['two equals signs', stanza("<message to=='a'/>"), NOT_WELL_FORMED],
  ['value without a name', stanza("<message ='a'/>"), NOT_WELL_FORMED],
  ['no value before another', stanza("<message to from='a'/>"), NOT_WELL_FORMED],
  ['no white space between two', stanza("<message to='a'from='b'/>"), NOT_WELL_FORMED],
  ['other quote at the end', stanza("<message to='a\"/><body a='"), NOT_WELL_FORMED],
  ['less-than in a value', stanza("<message to='<'/>"), NOT_WELL_FORMED],
  ['control character in a value', stanza("<message to='\u0001'/>"), NOT_WELL_FORMED],
  ['NUL in a value', stanza("<message to='a\0'/>"), NOT_WELL_FORMED],
  ['CDATA in a value', stanza("<message to='<![CDATA[a]]>'/>"), NOT_WELL_FORMED],
  ['U+FFFE in a value', stanza("<message to='\uFFFE'/>"), NOT_WELL_FORMED],
  ['bare ampersand in a value', stanza("<message to='a&b'/>"), NOT_WELL_FORMED],
  ['forbidden character as a reference', stanza("<message to='&#0;'/>"), NOT_WELL_FORMED],
  ['entity in a value', stanza("<message to='&foo;'/>"), RESTRICTED],
  ['name that objects cannot hold', stanza("<message __proto__='x'/>"), 'policy-violation'],
];

export const TEXT: Hostile[] = [
  ['NUL', inside('\0'), NOT_WELL_FORMED],
  ['U+0001', inside('\u0001'), NOT_WELL_FORMED],
  ['U+001F', inside('\u001f'), NOT_WELL_FORMED],
  ['U+FFFE', inside('\uFFFE'), NOT_WELL_FORMED],
  ['U+FFFF', inside('x\uFFFFx'), NOT_WELL_FORMED],
  ['&#0;', inside('&#0;'), NOT_WELL_FORMED],
  ['&#x1F;', inside('&#x1F;'), NOT_WELL_FORMED],
  ['&#xFFFE;', inside('&#xFFFE;'), NOT_WELL_FORMED],
  ['surrogate as a reference', inside('&#xD800;'), NOT_WELL_FORMED],
  ['two surrogates as references', inside('&#xD83D;&#xDE00;'), NOT_WELL_FORMED],
  ['reference beyond Unicode', inside('&#x110000;'), NOT_WELL_FORMED],
  ['very large reference', inside('&#99999999999999999999;'), NOT_WELL_FORMED],
  ['reference with letters', inside('&#65zz;'), NOT_WELL_FORMED],
  ['reference with capital X', inside('&#X41;'), NOT_WELL_FORMED],
  ['reference without digits', inside('&#;'), NOT_WELL_FORMED],
  ['reference with a sign', inside('&#+65;'), NOT_WELL_FORMED],
  ['reference with white space', inside('&# 65;'), NOT_WELL_FORMED],
  ['entity with white space', inside('& amp;'), NOT_WELL_FORMED],
  ['entity with white space at its end', inside('&amp ;'), NOT_WELL_FORMED],
  ['entity without a name', inside('&;'), NOT_WELL_FORMED],
  ['hexadecimal reference without digits', inside('&#x;'), NOT_WELL_FORMED],
  ['bare ampersand', inside('a & b'), NOT_WELL_FORMED],
  ['entity without semicolon', inside('&amp'), NOT_WELL_FORMED],
  ['entity across a tag', inside('&am<b/>p;'), NOT_WELL_FORMED],
  ['undefined entity', inside('&foo;'), RESTRICTED],
  ['entity of HTML', inside('&nbsp;'), RESTRICTED],
  ['entity in capital letters', inside('&AMP;'), RESTRICTED],
  [']]>', inside('a]]>b'), NOT_WELL_FORMED],
  [']]>, one part as a reference to nothing', inside(']]>&#0;'), NOT_WELL_FORMED],
  ['control character in CDATA', inside('<![CDATA[\u0002]]>'), NOT_WELL_FORMED],
  ['CDATA in small letters', inside('<![cdata[x]]>'), NOT_WELL_FORMED],
  ['CDATA with white space', inside('<![CDATA [x]]>'), NOT_WELL_FORMED],
  ['CDATA inside CDATA', inside('<![CDATA[<![CDATA[x]]>]]>'), NOT_WELL_FORMED],
  ['text between stanzas', stanza('<message/>x<message/>'), 'bad-format'],
  ['CDATA between stanzas', stanza('<![CDATA[ ]]>'), 'bad-format'],
  ['reference between stanzas', stanza('&#32;'), 'bad-format'],
  ['NUL between stanzas', stanza('\0'), 'bad-format'],
  ['byte order mark between stanzas', stanza('<message/>\uFEFF<message/>'), 'bad-format'],
  ['white space that is none of XML between stanzas', stanza('\u00A0\u2028'), 'bad-format'],
  ['form feed between stanzas', stanza('\f'), 'bad-format'],
];

export const RESTRICTED_XML: Hostile[] = [
  ['comment', inside('<!-- x -->'), RESTRICTED],
  ['comment with a hidden stanza', inside('<!-- -- ]]> <evil/> -->'), RESTRICTED],
  ['comment between stanzas', stanza('<!-- x -->'), RESTRICTED],
  ['comment before the root', `<!-- x -->${HEADER}`, RESTRICTED],
  ['processing instruction', inside('<?php x ?>'), RESTRICTED],
  ['processing instruction first', `<?php x ?>${HEADER}`, RESTRICTED],
  ['processing instruction between stanzas', stanza('<?a?>'), RESTRICTED],
  ['XML declaration between stanzas', stanza("<?xml version='1.0'?>"), RESTRICTED],
  ['XML declaration after white space', ` <?xml version='1.0'?>${HEADER}`, RESTRICTED],
  ['second XML declaration', `<?xml version='1.0'?><?xml version='1.0'?>${HEADER}`, RESTRICTED],
  ['DOCTYPE before the root', `<!DOCTYPE stream>${HEADER}`, RESTRICTED],
  ['DOCTYPE between stanzas', stanza('<!DOCTYPE x>'), RESTRICTED],
  ['DOCTYPE in a stanza', inside('<!DOCTYPE x [<!ENTITY a "evil">]>&a;'), RESTRICTED],
  ['entity declared in a stanza', inside('<!ENTITY a "evil">'), RESTRICTED],
  ['XML declaration in a stanza', inside("<?xml version='1.0'?>"), RESTRICTED],
  ['style sheet first', `<?xml-stylesheet href='evil'?>${HEADER}`, RESTRICTED],
  ['comment after the end', stanza('</stream:stream><!-- x -->'), NOT_WELL_FORMED],
  [
    'entities that multiply',
    `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>${HEADER}<message>&b;</message>`,
    RESTRICTED,
  ],
];

export const ENCODINGS: Hostile[] = [
  ['ISO-8859-1 declared', `<?xml version='1.0' encoding='ISO-8859-1'?>${HEADER}`, 'unsupported-encoding'],
  ['UTF-16 declared', `<?xml version="1.0" encoding="UTF-16"?>${HEADER}`, 'unsupported-encoding'],
  ['over-long slash', inside(bytes(0xc0, 0xaf)), 'unsupported-encoding'],
  ['surrogate', inside(bytes(0xed, 0xa0, 0x80)), 'unsupported-encoding'],
  ['beyond Unicode', inside(bytes(0xf5, 0x80, 0x80, 0x80)), 'unsupported-encoding'],
  ['lone continuation', inside(bytes(0x80)), 'unsupported-encoding'],
  ['character cut off by a tag', inside(bytes(0xe2, 0x82)), 'unsupported-encoding'],
  ['after a real U+FFFD', inside(bytes(0xef, 0xbf, 0xbd, 0xff)), 'unsupported-encoding'],
  [
    'in a value',
    Buffer.concat([Buffer.from(`${HEADER}<a b='`), bytes(0xff), Buffer.from("'/>")]),
    'unsupported-encoding',
  ],
  [
    'in CDATA',
    inside(Buffer.concat([Buffer.from('<![CDATA['), bytes(0xfe), Buffer.from(']]>')])),
    'unsupported-encoding',
  ],
  ['version 2.0', `<?xml version='2.0'?>${HEADER}`, NOT_WELL_FORMED],
  ['declaration without version', `<?xml encoding='UTF-8'?>${HEADER}`, NOT_WELL_FORMED],
  ['declaration without end', `<?xml version='1.0'>${HEADER}`, NOT_WELL_FORMED],
  ['endless declaration', `<?xml version='1.0' ${' '.repeat(200)}`, NOT_WELL_FORMED],
  ['UTF-16', Buffer.from(HEADER, 'utf16le'), NOT_WELL_FORMED],
];

export const NAMESPACES: Hostile[] = [
  ['unknown prefix of an element', stanza('<p:message/>'), 'bad-namespace-prefix'],
  ['unknown prefix of an attribute', stanza("<message p:a='1'/>"), 'bad-namespace-prefix'],
  [
    'prefix of an element that has ended',
    stanza("<message><a xmlns:p='u'/><p:b/></message>"),
    'bad-namespace-prefix',
  ],
  ['unknown prefix of the root', '<stream:stream>', 'bad-namespace-prefix'],
  ['prefix bound to nothing', stanza("<message xmlns:p=''/>"), 'bad-namespace-prefix'],
  ['xml bound to something else', stanza("<message xmlns:xml='u'/>"), 'bad-namespace-prefix'],
  ['xmlns bound', stanza("<message xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>"), 'bad-namespace-prefix'],
  [
    'another prefix for xml',
    stanza("<message xmlns:p='http://www.w3.org/XML/1998/namespace'/>"),
    'bad-namespace-prefix',
  ],
  [
    'another prefix for xmlns',
    stanza("<message xmlns:p='http://www.w3.org/2000/xmlns/'/>"),
    'bad-namespace-prefix',
  ],
  [
    'xml as the default',
    stanza("<message xmlns='http://www.w3.org/XML/1998/namespace'/>"),
    'bad-namespace-prefix',
  ],
  [
    'xmlns as the default',
    stanza("<message xmlns='http://www.w3.org/2000/xmlns/'/>"),
    'bad-namespace-prefix',
  ],
  ['element with the prefix xmlns', stanza('<xmlns:message/>'), 'bad-namespace-prefix'],
  ['element with the prefix xml', stanza('<xml:message/>'), 'bad-namespace-prefix'],
];
