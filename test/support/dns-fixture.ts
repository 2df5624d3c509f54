// A DNS server for tests, on loopback over UDP and TCP, that answers from a table and can misbehave.

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server } from 'node:net';
import * as dnsPacket from 'dns-packet';

/** What a name has. SRV as "priority weight port target", TLSA as "usage selector matching hex". */
export interface ZoneEntry {
  A?: string[];
  AAAA?: string[];
  SRV?: string[];
  TLSA?: string[];
  CNAME?: string;
  /** Seconds, for all records of the name. Default 60. */
  ttl?: number;
  /** What a validating resolver thinks of it. 'bogus': it answers SERVFAIL, unless it is asked not to check. */
  dnssec?: 'secure' | 'insecure' | 'bogus';
  /** The UDP answer says that it is too long, and has nothing in it. */
  isTruncated?: boolean;
}

export interface DnsQuestion {
  type: string;
  name: string;
  transport: 'udp' | 'tcp';
  /** AD: the answer is to say whether it is secured (RFC 6840 §5.7). */
  wantsAd: boolean;
  /** CD: what DNSSEC finds wrong is wanted, too. */
  unchecked: boolean;
}

const SERVFAIL = 2;
const NXDOMAIN = 3;

/** Bytes go out as they are. */
type Send = (response: dnsPacket.Packet | Buffer) => void;

export interface DnsFixture {
  /** As it is written into `dns_servers`. */
  address: string;
  /** By lower-case name; may be changed while running. A name that is not in it does not exist. */
  zone: Record<string, ZoneEntry>;
  /** All that was asked, in order. */
  questions: DnsQuestion[];
  /** Sets the AD flag on every answer, but for names that are marked otherwise. */
  isValidating: boolean;
  /** Sends something else instead of, or besides, the proper answer. */
  misbehave: ((response: dnsPacket.Packet, question: DnsQuestion, send: Send) => void) | undefined;
  close(): Promise<void>;
}

/** Starts one on loopback, or where it is told; it is closed when the test ends. */
export async function dnsFixture(
  t: { after(task: () => Promise<void>): void },
  zone: Record<string, ZoneEntry> = {},
  listen: { address: string; port: number } = { address: '127.0.0.1', port: 0 },
): Promise<DnsFixture> {
  const { udp, tcp, port } = await bindBoth(listen);
  const fixture: DnsFixture = {
    address: isIPv6(listen.address) ? `[${listen.address}]:${port}` : `${listen.address}:${port}`,
    zone,
    questions: [],
    isValidating: false,
    misbehave: undefined,
    async close() {
      udp.close();
      tcp.close();
    },
  };
  t.after(() => fixture.close());
  serveUdp(fixture, udp);
  serveTcp(fixture, tcp);
  return fixture;
}

interface Bound {
  readonly udp: UdpSocket;
  readonly tcp: Server;
  readonly port: number;
}

/**
 * A port that is free for TCP may be taken for UDP: then another one is tried. A socket that stayed open would keep the
 * test file from ending.
 */
async function bindBoth(listen: { address: string; port: number }, attempts = 10): Promise<Bound> {
  const tcp = createServer();
  const udp = createSocket(isIPv6(listen.address) ? 'udp6' : 'udp4');
  try {
    tcp.listen(listen.port, listen.address);
    await once(tcp, 'listening');
    const at = tcp.address();
    if (at === null || typeof at === 'string') throw new Error('no port');
    udp.bind(at.port, listen.address);
    await once(udp, 'listening');
    return { udp, tcp, port: at.port };
  } catch (error) {
    tcp.close();
    udp.close();
    if (listen.port !== 0 || attempts <= 1) throw error;
    return bindBoth(listen, attempts - 1);
  }
}

function serveUdp(fixture: DnsFixture, udp: UdpSocket): void {
  udp.on('message', (message, from) => {
    answer(fixture, message, 'udp', (response) => {
      const bytes = Buffer.isBuffer(response) ? response : dnsPacket.encode(response);
      udp.send(bytes, from.port, from.address);
    });
  });
}

function serveTcp(fixture: DnsFixture, tcp: Server): void {
  tcp.on('connection', (socket) => {
    socket.on('error', () => {});
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      answer(fixture, received.subarray(2), 'tcp', (response) =>
        socket.end(Buffer.isBuffer(response) ? response : dnsPacket.streamEncode(response)),
      );
    });
  });
}

function answer(fixture: DnsFixture, message: Buffer, transport: 'udp' | 'tcp', send: Send): void {
  const query = dnsPacket.decode(message);
  const asked = query.questions?.[0];
  if (asked === undefined) return;
  const flags = query.flags ?? 0;
  const question = {
    type: asked.type,
    name: asked.name.toLowerCase(),
    transport,
    wantsAd: (flags & dnsPacket.AUTHENTIC_DATA) !== 0,
    unchecked: (flags & dnsPacket.CHECKING_DISABLED) !== 0,
  };
  fixture.questions.push(question);
  const response = { ...respond(fixture, question), id: query.id ?? 0, questions: [asked] };
  if (fixture.misbehave === undefined) send(response);
  else fixture.misbehave(response, question, send);
}

function respond({ zone, isValidating }: DnsFixture, question: DnsQuestion): dnsPacket.Packet {
  const entry = zone[question.name];
  const found = recordsFor(zone, question.name, question.type);
  const exists = found.length > 0 || entry !== undefined;
  const isBogus = entry?.dnssec === 'bogus' && !question.unchecked;
  const isSecure = entry?.dnssec === undefined ? isValidating : entry.dnssec === 'secure';
  const isTruncated = entry?.isTruncated === true && question.transport === 'udp';
  const code = isBogus ? SERVFAIL : exists ? 0 : NXDOMAIN;
  return {
    type: 'response',
    flags:
      dnsPacket.RECURSION_DESIRED |
      dnsPacket.RECURSION_AVAILABLE |
      (isSecure && question.wantsAd ? dnsPacket.AUTHENTIC_DATA : 0) |
      (isTruncated ? dnsPacket.TRUNCATED_RESPONSE : 0) |
      code,
    answers: isBogus || isTruncated ? [] : found,
  };
}

/** The records of a name, after the aliases that lead to them, as a recursive resolver puts them. */
function recordsFor(zone: Record<string, ZoneEntry>, name: string, type: string): dnsPacket.Answer[] {
  const entry = zone[name];
  const ttl = entry?.ttl ?? 60;
  if (entry?.CNAME !== undefined) {
    return [{ type: 'CNAME', name, ttl, data: entry.CNAME }, ...recordsFor(zone, entry.CNAME, type)];
  }
  if (type === 'A') return (entry?.A ?? []).map((data) => ({ type: 'A', name, ttl, data }));
  if (type === 'AAAA') return (entry?.AAAA ?? []).map((data) => ({ type: 'AAAA', name, ttl, data }));
  if (type === 'TLSA') return (entry?.TLSA ?? []).map((text) => tlsaRecord(text, name, ttl));
  if (type !== 'SRV') return [];
  return (entry?.SRV ?? []).map((text) => {
    const [priority, weight, port, target] = text.split(' ');
    const data = {
      priority: Number(priority),
      weight: Number(weight),
      port: Number(port),
      target: target ?? '.',
    };
    return { type: 'SRV', name, ttl, data };
  });
}

function tlsaRecord(text: string, name: string, ttl: number): dnsPacket.Answer {
  const [usage, selector, matchingType, hex] = text.split(' ');
  const data = {
    usage: Number(usage),
    selector: Number(selector),
    matchingType: Number(matchingType),
    certificate: Buffer.from(hex ?? '', 'hex'),
  };
  return { type: 'TLSA', name, ttl, data };
}
