// A host with a certificate, and clients that have secured their stream.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { ServerTls } from '../../../src/net/tls.ts';
import { type Client, DOMAIN, type Harness, startHarness } from './harness.ts';

export interface SecureHarness {
  readonly harness: Harness;
  /** Names im.example.com and other.example.com, each in a certificate of its own. */
  readonly store: CertificateStore;
  /** A client on the stream after STARTTLS, with its features. */
  secured(options?: ConnectionOptions, to?: string): Promise<SecureClient>;
}

export interface SecureClient {
  readonly client: Client;
  readonly socket: TLSSocket;
  readonly features: string;
}

export async function startSecureHarness(t: TestContext): Promise<SecureHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-c2s-'));
  t.after(() => rm(folder, { recursive: true }));
  const { ca } = await makeDevelopmentCertificates(folder, [DOMAIN, 'other.example.com']);
  const store = new CertificateStore(folder);
  await store.reload();
  const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false });
  const harness = await startHarness(t, { requireEncryption: true, tls });
  return {
    harness,
    store,
    async secured(options = {}, to = DOMAIN) {
      const client = harness.connect();
      await client.open(to);
      client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
      await client.reads(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
      const socket = connect({ socket: client.peer.release(), servername: to, ca, ...options });
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      });
      client.peer.switchTo(socket);
      return { client, socket, features: await client.open(to) };
    },
  };
}
