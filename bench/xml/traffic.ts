// Typical stanzas: 60 % messages, 25 % presence, 15 % iq. A seventh of the bodies has characters beyond ASCII, some have
// references. PubSub and forwarding have their namespaces and prefixes.

const HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='im.example' version='1.0'>`;

const BODIES = [
  'ok',
  'Wherefore art thou, Romeo?',
  'I will be there at eight &amp; bring the cake; don&apos;t wait for me at the station.',
  'Neither, fair saint, if either thee dislike. With love&#39;s light wings did I o&apos;er-perch these walls',
  'It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon',
  'Grüße aus Köln – bis später! 😀',
  'Has anybody seen the log of yesterday?\nThere is something about a timeout in it.',
];
const ROOM = 'orchard@rooms.example.org';

/** The n-th stanza, of 100 kinds. Two stanzas of one kind differ. */
function stanza(n: number): string {
  const id = (n * 2654435761 + 97).toString(36);
  const kind = (n * 37) % 100;
  if (kind < 30) return chat(n, id);
  if (kind < 60) return roomMessage(n, id);
  if (kind < 85) return presence(n, id, kind);
  return iq(n, id, kind);
}

function chat(n: number, id: string): string {
  const extras = [
    `<active xmlns='http://jabber.org/protocol/chatstates'/>`,
    `<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>`,
    '',
  ];
  return `<message to="user${n % 977}@im.example" id="${id}" type="chat"><body>${BODIES[n % BODIES.length]}</body>${extras[n % 3]}</message>`;
}

function roomMessage(n: number, id: string): string {
  const mark = n % 2 === 0 ? `<stanza-id xmlns='urn:xmpp:sid:0' id='${id}${id}' by='${ROOM}'/>` : '';
  return `<message from='${ROOM}/nick${n % 211}' to='user${n % 977}@im.example/phone' type='groupchat' id='${id}'><body>${BODIES[(n >> 2) % BODIES.length]}</body>${mark}</message>`;
}

function presence(n: number, id: string, kind: number): string {
  const caps = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' ver='${id}${id}${id}='/>`;
  if (kind < 65) return `<presence from='user${n % 977}@im.example/phone' type='unavailable'/>`;
  if (kind < 75) return `<presence><show>away</show><status>Back &gt; 15:00</status>${caps}</presence>`;
  return `<presence from='${ROOM}/nick${n % 211}' to='user${n % 977}@im.example/phone'>${caps}<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant'/></x></presence>`;
}

function iq(n: number, id: string, kind: number): string {
  if (kind < 90) return `<iq type='get' id='${id}' to='im.example'><ping xmlns='urn:xmpp:ping'/></iq>`;
  if (kind < 94) {
    return `<iq type='result' id='${id}'><query xmlns='jabber:iq:roster' ver='${n}'><item jid='user${n % 977}@im.example' name='Juliet' subscription='both'><group>Friends</group></item></query></iq>`;
  }
  if (kind < 97) {
    return `<message to='user1@im.example/phone'><result xmlns='urn:xmpp:mam:2' id='${id}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-07-10T23:08:25Z'/>${roomMessage(n, id).replace('<message', "<message xmlns='jabber:client'")}</forwarded></result></message>`;
  }
  return `<iq type='set' id='${id}'><ps:pubsub xmlns:ps='http://jabber.org/protocol/pubsub'><ps:publish node='urn:xmpp:avatar:metadata'><ps:item id='${id}'><metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='12345' id='${id}' height='64' type='image/png' width='64'/></metadata></ps:item></ps:publish></ps:pubsub></iq>`;
}

export interface Traffic {
  readonly header: Buffer;
  /** Complete stanzas, in order. */
  readonly stanzas: Buffer;
  readonly count: number;
}

/** Makes stanzas of about this many bytes. */
export function traffic(bytes: number): Traffic {
  const texts: string[] = [];
  let length = 0;
  for (let n = 0; length < bytes; n++) {
    const text = stanza(n);
    texts.push(text);
    length += text.length;
  }
  return { header: Buffer.from(HEADER), stanzas: Buffer.from(texts.join('')), count: texts.length };
}

/** Cuts the stanzas as a socket does: into chunks of one size, each with its own memory. */
export function chunksOf(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(Buffer.from(bytes.subarray(at, at + size)));
  return chunks;
}
