// Connections that never authenticate: silent ones, unfinished handshakes, headers that are slow to parse, and as many short ones
// as possible. Each must cost little, and the log must not grow with them.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Attack, type Attacker, clientHeader } from '../attacker.ts';
import { slowLocalpart } from './floods.ts';

/** One address may have 1,000 connections. */
const PER_SOURCE = 900;

/** 2,000 streams that never authenticate. A stream that is closed is opened again. */
const unauthenticated: Attack = {
  name: 'never-authenticate',
  who: 'stranger',
  async run(attacker) {
    await crowd(attacker, 2_000, async (from) => {
      const { address, domain, c2s: port } = attacker.home;
      const wire = await attacker.open({ address, port, from });
      await wire.send(clientHeader(domain));
      while (wire.isOpen) await sleep(500);
    });
  },
};

/** 600 connections to the direct TLS port that never begin the handshake. */
const silentHandshakes: Attack = {
  name: 'silent-handshakes',
  who: 'stranger',
  async run(attacker) {
    await crowd(attacker, 600, async (from) => {
      const { address, c2sTls: port } = attacker.home;
      const wire = await attacker.open({ address, port, from });
      while (wire.isOpen) await sleep(500);
    });
  },
};

async function crowd(
  attacker: Attacker,
  count: number,
  work: (from: string) => Promise<void>,
): Promise<void> {
  const sources = Array.from({ length: Math.ceil(count / PER_SOURCE) }, () => attacker.nextSource());
  await attacker.each(count, async (index) => {
    await sleep(index / 2); // 2,000 connections a second
    await work(sources[Math.floor(index / PER_SOURCE)]!);
  });
}

/** 150 headers a second whose addresses are slow to prepare, before any login. */
const slowHeaders: Attack = {
  name: 'slow-headers',
  who: 'stranger',
  async run(attacker) {
    const { address, domain, c2s: port } = attacker.home;
    // A header may have 10 KiB.
    const [to, from] = [slowLocalpart(3_000), slowLocalpart(1_500)].map((local) => `${local}@${domain}`);
    const header = clientHeader(domain).replace(`to='${domain}'`, `to='${to}' from='${from}'`);
    await attacker.rate(150, () => shortVisit(attacker, { address, port }, Buffer.from(header)));
  },
};

/** Headers for a domain that is not served, each from a new address, as fast as possible. */
const connectionFlood: Attack = {
  name: 'connection-flood',
  who: 'stranger',
  async run(attacker) {
    const { address, c2s: port } = attacker.home;
    const header = Buffer.from(clientHeader('nowhere.example'));
    await attacker.each(20, () => shortVisit(attacker, { address, port }, header));
  },
};

/** Complete TLS handshakes without data, as many as possible. */
const handshakes: Attack = {
  name: 'tls-handshakes',
  who: 'stranger',
  async run(attacker) {
    const { address, domain: servername, c2sTls: port } = attacker.home;
    await attacker.each(10, async () => {
      const from = attacker.nextSource();
      const wire = await attacker.open({ address, port, tls: 'xmpp-client', servername, from });
      attacker.tally.note('handshakes');
      wire.close();
    });
  },
};

/** Password guesses for one account, each from a new address. The server hashes each of them. */
const guesses: Attack = {
  name: 'password-guesses',
  who: 'stranger',
  async run(attacker) {
    const { address, domain, c2sTls: port } = attacker.home;
    const guess = Buffer.from(`\0carl\0wrong`).toString('base64');
    await attacker.each(20, async () => {
      const from = attacker.nextSource();
      const wire = await attacker.open({ address, port, tls: 'xmpp-client', servername: domain, from });
      await wire.send(clientHeader(domain));
      await wire.until(/<\/stream:features>/);
      for (let i = 0; i < 3; i++) {
        await wire.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${guess}</auth>`);
        await wire.until(/<failure/);
        attacker.tally.note('guesses');
      }
      wire.close();
    });
  },
};

/** Connects, sends something, and stays until it is disconnected. It has no tally, since there are thousands. */
function shortVisit(attacker: Attacker, to: { address: string; port: number }, said: Buffer): Promise<void> {
  const socket: Socket = connect({ host: to.address, port: to.port, localAddress: attacker.nextSource() });
  attacker.tally.note('connections');
  socket.once('connect', () => socket.write(said));
  socket.on('error', (error: NodeJS.ErrnoException) => attacker.tally.note(`${error.code}`));
  socket.resume();
  return new Promise((resolve) => {
    socket.setTimeout(10_000, () => socket.destroy());
    socket.once('close', () => resolve());
  });
}

export const CONNECTION_ATTACKS = [
  unauthenticated,
  silentHandshakes,
  slowHeaders,
  connectionFlood,
  handshakes,
  guesses,
];
