// Sends one query to one DNS server, over UDP and, if the answer is truncated, over TCP (RFC 1035 §4.2).

import { randomInt } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, isIP } from 'node:net';
import * as dnsPacket from 'dns-packet';
import { hostAndPort } from './address.ts';
import { reasonOf } from './errors.ts';
import type { DnsServer } from './name-servers.ts';

export type RecordType = 'A' | 'AAAA' | 'SRV' | 'TLSA';

export interface DnsResponse {
  /** 0 NOERROR, 1 FORMERR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED (RFC 1035 §4.1.1). */
  rcode: number;
  /** The AD flag of the server (RFC 4035 §3.2.3). */
  authenticData: boolean;
  answers: dnsPacket.Answer[];
  authorities: dnsPacket.Answer[];
}

interface Question {
  id: number;
  type: RecordType;
  name: string;
  /** Whether to return data with invalid DNSSEC signatures (CD, RFC 4035 §3.2.2). */
  unchecked: boolean;
}

/** Avoids fragments, which can be forged, on every network path (DNS flag day 2020). */
const MAX_UDP_BYTES = 1232;
const FORMERR = 1;

/**
 * Sends a query; with `unchecked`, DNSSEC failures are ignored. Each query has a new random id and port, and packets
 * that do not match it are ignored (RFC 5452 §9).
 *
 * @throws Error if no usable answer arrives within `timeoutMs` (UDP and TCP each).
 */
export async function queryServer(
  server: DnsServer,
  name: string,
  type: RecordType,
  timeoutMs: number,
  unchecked = false,
): Promise<DnsResponse> {
  const question = { id: randomInt(0x10000), type, name, unchecked };
  let packet = await overUdp(server, question, encodeQuestion(question, true), timeoutMs);
  if (rcodeOf(packet) === FORMERR) {
    // A server from before EDNS (RFC 6891 §6.2.2).
    packet = await overUdp(server, question, encodeQuestion(question, false), timeoutMs);
  }
  if (packet.flag_tc) packet = await overTcp(server, question, timeoutMs);
  return {
    rcode: rcodeOf(packet),
    authenticData: packet.flag_ad,
    answers: packet.answers ?? [],
    authorities: packet.authorities ?? [],
  };
}

function rcodeOf(packet: dnsPacket.DecodedPacket): number {
  return (packet.flags ?? 0) & 0xf;
}

function encodeQuestion({ id, type, name, unchecked }: Question, useEdns: boolean): Buffer {
  const opt: dnsPacket.OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: MAX_UDP_BYTES,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  return dnsPacket.encode({
    type: 'query',
    id,
    // AD in a question asks for AD in the answer (RFC 6840 §5.7).
    flags: dnsPacket.RECURSION_DESIRED | (unchecked ? dnsPacket.CHECKING_DISABLED : dnsPacket.AUTHENTIC_DATA),
    questions: [{ type, name }],
    additionals: useEdns ? [opt] : [],
  });
}

/** Returns the packet if it answers the question. Never throws. */
function decodeAnswer(message: Buffer, question: Question): dnsPacket.DecodedPacket | undefined {
  try {
    const packet = dnsPacket.decode(message);
    return isAnswerTo(packet, question) ? packet : undefined;
  } catch {
    return undefined;
  }
}

function isAnswerTo(packet: dnsPacket.DecodedPacket, question: Question): boolean {
  if (packet.type !== 'response' || packet.id !== question.id) return false;
  const [asked, ...others] = packet.questions ?? [];
  // A server may leave out a question that it did not understand.
  if (asked === undefined) return rcodeOf(packet) === FORMERR;
  const isSame = asked.type === question.type && asked.name.toLowerCase() === question.name.toLowerCase();
  return isSame && asked.class === 'IN' && others.length === 0;
}

function overUdp(
  server: DnsServer,
  question: Question,
  message: Buffer,
  timeoutMs: number,
): Promise<dnsPacket.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket: UdpSocket = createSocket(isIP(server.address) === 6 ? 'udp6' : 'udp4');
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => {});
      socket.close();
      settle();
    };
    const fail = (reason: string) => finish(() => reject(failure(server, reason)));
    const timer = setTimeout(() => fail(`did not answer within ${timeoutMs / 1000} s`), timeoutMs);
    // connect() fails without a route or address family. With a callback it would report that to the callback instead
    // of this event, so neither connect() nor send() has one.
    socket.on('error', (error) => fail(`cannot be reached: ${reasonOf(error)}`));
    socket.on('message', (data) => {
      const packet = decodeAnswer(data, question);
      if (packet !== undefined) finish(() => resolve(packet));
    });
    socket.on('connect', () => socket.send(message));
    // A connected socket receives from this server only, and has a random port of its own.
    socket.connect(server.port, server.address);
  });
}

function overTcp(server: DnsServer, question: Question, timeoutMs: number): Promise<dnsPacket.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.address, port: server.port });
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const fail = (reason: string) => finish(() => reject(failure(server, `${reason} (TCP)`)));
    const timer = setTimeout(() => fail(`did not answer within ${timeoutMs / 1000} s`), timeoutMs);
    let received = Buffer.alloc(0);
    socket.on('error', (error) => fail(`cannot be reached: ${reasonOf(error)}`));
    socket.on('close', () => fail('closed the connection without an answer'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const length = received.length < 2 ? undefined : received.readUInt16BE(0);
      if (length === undefined || received.length < 2 + length) return;
      const packet = decodeAnswer(received.subarray(2, 2 + length), question);
      if (packet === undefined) fail('sent an answer that does not match the query');
      else finish(() => resolve(packet));
    });
    const message = encodeQuestion(question, true);
    const prefix = Buffer.alloc(2);
    prefix.writeUInt16BE(message.length);
    socket.end(Buffer.concat([prefix, message]));
  });
}

function failure(server: DnsServer, reason: string): Error {
  return new Error(`DNS server ${hostAndPort(server.address, server.port)} ${reason}`);
}
