// A host with a certificate, and clients that secure their stream.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { ServerTls } from '../../../src/net/tls.ts';
import { type Client, DOMAIN, type Harness, startHarness } from './harness.ts';

export const STARTTLS = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`;

export interface SecureHarness {
  readonly harness: Harness;
  /** Names im.example.com and other.example.com, each in a certificate of its own. */
  readonly store: CertificateStore;
  /** A client on a stream that is open and not secured. */
  opened(): Promise<Client>;
  /** What a client does after `<proceed/>`. */
  handshake(client: Client, options?: ConnectionOptions): Promise<TLSSocket>;
  /** A client on the stream after STARTTLS, with its features. */
  secured(options?: ConnectionOptions, to?: string): Promise<SecureClient>;
}

export interface SecureClient {
  readonly client: Client;
  readonly socket: TLSSocket;
  readonly features: string;
}

export async function startSecureHarness(
  t: TestContext,
  { requireEncryption = true } = {},
): Promise<SecureHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-c2s-'));
  t.after(() => rm(folder, { recursive: true }));
  const { ca } = await makeDevelopmentCertificates(folder, [DOMAIN, 'other.example.com']);
  const store = new CertificateStore(folder);
  await store.reload();
  const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false });
  const harness = await startHarness(t, { requireEncryption, tls });

  async function opened(to = DOMAIN): Promise<Client> {
    const client = harness.connect();
    await client.open(to);
    return client;
  }

  async function handshake(client: Client, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ socket: client.peer.release(), servername: DOMAIN, ca, ...options });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    client.peer.switchTo(socket);
    return socket;
  }

  return {
    harness,
    store,
    opened,
    handshake,
    async secured(options = {}, to = DOMAIN) {
      const client = await opened(to);
      await proceeds(client);
      const socket = await handshake(client, { servername: to, ...options });
      return { client, socket, features: await client.open(to) };
    },
  };
}

/** Asks for TLS. `behind`: text in the same packet. */
export async function proceeds(client: Client, behind = ''): Promise<void> {
  client.send(`${STARTTLS}${behind}`);
  await client.reads(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
}
