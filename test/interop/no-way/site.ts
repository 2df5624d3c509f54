// enjamb alone, with two connected users, and one who is offline and has stored messages.

import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import { dnsFixture } from '../../support/dns-fixture.ts';
import { HOME } from '../support/addresses.ts';
import { Enjamb, type EnjambOptions } from '../support/enjamb.ts';
import { SlixmppClient } from '../support/slixmpp.ts';
import { until } from '../support/waiting.ts';
import { homeLogin, PASSWORD } from '../support/world.ts';

export const MERCUTIO = `mercutio@${HOME}`;
const LETTER = 'x'.repeat(2_000);

export interface Site {
  readonly enjamb: Enjamb;
  readonly romeo: SlixmppClient;
  readonly benvolio: SlixmppClient;
  /** A client of an existing account, not logged in. */
  readonly mercutio: SlixmppClient;
  /** The server's own, with its configuration and, unless it was told otherwise, its data. */
  readonly folder: string;
  readonly certificates: string;
}

export interface SiteOptions extends Partial<EnjambOptions> {
  /** Where all files are. Default: the system's folder for temporary files. */
  readonly parent?: string;
  /** Where the server keeps its data. */
  readonly data?: string;
  /** Prepares the files before the server starts. */
  readonly before?: (files: Pick<Site, 'folder' | 'certificates'>) => Promise<void>;
}

export async function site(t: TestContext, options: SiteOptions = {}): Promise<Site> {
  const top = await temporaryFolder(t, options.parent);
  const files = { folder: join(top, 'enjamb'), certificates: join(top, 'certs') };
  await mkdir(files.folder);
  if (options.data !== undefined) await symlink(options.data, join(files.folder, 'data'));
  const { caPath } = await makeDevelopmentCertificates(files.certificates, [HOME]);
  await options.before?.(files);
  const { address: dns } = await dnsFixture(t, { [HOME]: {} });
  const enjamb = await Enjamb.start(t, { ...files, dns, ...options });
  const client = async (name: string): Promise<SlixmppClient> => {
    await enjamb.addUser(`${name}@${HOME}`, PASSWORD);
    return SlixmppClient.start(t, { folder: top, caPath, name });
  };
  const [romeo, benvolio] = [await client('romeo'), await client('benvolio')];
  const mercutio = await client('mercutio');
  await romeo.login(homeLogin('romeo'));
  await benvolio.login(homeLogin('benvolio'));
  return { enjamb, romeo, benvolio, mercutio, ...files };
}

/** Sends numbered messages to an offline user: each is stored or returned as an error. */
export class Letters {
  readonly #from: SlixmppClient;
  #sent = 0;

  constructor(from: SlixmppClient) {
    this.#from = from;
  }

  /** Resolves when the server has had time to store or return them. */
  async send(count: number): Promise<void> {
    for (const end = this.#sent + count; this.#sent < end; this.#sent++)
      this.#from.send(MERCUTIO, `${this.#sent} ${LETTER}`, 'chat', `number ${this.#sent}`);
    assert.equal((await this.#from.ping(HOME)).event, 'pong');
    await pause(1_000);
  }

  /** The numbers of the returned messages. */
  get returned(): number[] {
    return this.#errors.map(({ attrs }) => Number(attrs.id?.split(' ')[1]));
  }

  /** The children of all errors, each once. */
  get conditions(): string[] {
    const children = this.#errors.flatMap((it) => it.getChild('error')?.elements() ?? []);
    return [...new Set(children.map(({ name }) => name))];
  }

  /** Logs the user in, and checks that all other messages arrive once and in order. */
  async assertDelivered(mercutio: SlixmppClient): Promise<void> {
    await mercutio.login(homeLogin('mercutio'));
    const returned = new Set(this.returned);
    const accepted = [...Array(this.#sent).keys()].filter((number) => !returned.has(number));
    const heard = () =>
      mercutio.stanzas.flatMap(({ element }) => {
        const body = element.getChildText('body');
        return element.name === 'message' && body ? [Number(body.split(' ')[0])] : [];
      });
    await until('all', () => (heard().length >= accepted.length ? true : undefined), 20_000);
    assert.deepEqual(heard(), accepted);
  }

  get #errors() {
    const isError = (it: { attrs: Record<string, string | undefined> }) => it.attrs.type === 'error';
    return this.#from.stanzas.map(({ element }) => element).filter(isError);
  }
}
