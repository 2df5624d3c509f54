// slixmpp approves requests by itself and requests a subscription in return, by default.

import assert from 'node:assert/strict';
import { ENJAMB } from '../support/addresses.ts';
import type { Report, SlixmppClient } from '../support/slixmpp.ts';
import { ReportingUser } from './reporting-user.ts';
import type { Door, User } from './user.ts';

export class SlixmppUser extends ReportingUser {
  readonly program = 'slixmpp';
  readonly #client: SlixmppClient;
  readonly #password: string;
  readonly #askedBack = new Set<string>();

  constructor(client: SlixmppClient, jid: string, password: string) {
    super(client, jid, 'orchard');
    this.#client = client;
    this.#password = password;
  }

  async login(door: Door): Promise<void> {
    const { event, jid, verified, starttls } = await this.tryLogin(door);
    assert.deepEqual(
      { event, jid, verified, starttls },
      { event: 'session', jid: this.fullJid, verified: true, starttls: door.tls === 'starttls' },
    );
  }

  /** Resolves with a report "session", or one with the reason for its absence. */
  tryLogin({ tls, port }: Door): Promise<Report> {
    const [jid, password, host] = [this.fullJid, this.#password, ENJAMB.address];
    this.#client.beginLogin({ jid, password, host, port, tls });
    return this.#client.report('session', 'refused', 'untrusted', 'unreachable', 'disconnected');
  }

  async request({ jid }: User): Promise<void> {
    if (!this.#askedBack.has(jid)) this.#client.presence(jid, 'subscribe');
  }

  async approve(contact: User): Promise<void> {
    await this.asked(contact);
    this.#askedBack.add(contact.jid);
  }

  async send({ jid }: Pick<User, 'jid'>, text: string): Promise<void> {
    this.#client.send(jid, text);
  }

  async logout(): Promise<void> {
    await this.#client.logout();
  }
}
