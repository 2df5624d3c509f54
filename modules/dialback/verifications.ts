// Claims of other servers to a domain, while its authoritative server is asked.

import {
  type Element,
  type Module,
  type S2SStream,
  StanzaError,
  StreamError,
  type Timer,
  xml,
} from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import type { Addresses, AddressReader } from './addresses.ts';

/** The time for a whole verification, including the connection to the authoritative server. */
const VERIFY_MS = 30_000;
/** The most pending verifications of all peers, one site and one stream; each may cost a connection. */
const MAX_VERIFYING = 250;
const MAX_VERIFYING_PER_SITE = 50;
const MAX_VERIFYING_PER_STREAM = 8;
const MAX_KEY_CHARS = 1_024;

interface Verification extends Addresses {
  /** The stream on which the peer claims to be `from`. */
  readonly claimant: S2SStream;
  /** The stream on which we asked; only an answer on it counts. */
  asked: S2SStream | undefined;
  readonly timer: Timer;
}

/** The pending verifications (§2.1.2, §2.2.1). */
export class Verifications {
  readonly #module: Module;
  readonly #names: AddressReader;
  readonly #pending = new Map<string, Verification>();

  constructor(module: Module, names: AddressReader) {
    this.#module = module;
    this.#names = names;
  }

  /** Call this when a peer claims to be `from`. */
  begin(claimant: S2SStream, addresses: Addresses, key: string): void {
    claimant.examine(addresses.from, () => this.#begin(claimant, addresses, key), addresses.to);
  }

  /** Refuses claims that the policy rejects before it connects to any server. */
  #begin(claimant: S2SStream, addresses: Addresses, key: string): void {
    const refusal = this.#refusal(claimant, addresses, key);
    if (refusal) return this.#answer(claimant, addresses, refusal);
    // A valid certificate is a better proof than dialback.
    if (claimant.proves(addresses.from)) return this.#accept(claimant, addresses);
    const id = claimant.streamId;
    const name = nameOf(addresses.from, id);
    const timer = this.#module.after(VERIFY_MS, () => {
      this.#pending.delete(name);
      this.#answer(claimant, addresses, new StanzaError('remote-server-timeout'));
    });
    const verification: Verification = { ...addresses, claimant, asked: undefined, timer };
    this.#pending.set(name, verification);
    this.#module.spawn(this.#ask(verification, name, id, key));
  }

  /** Call this when a stream has ended: verifications that asked on it fail (§2.4.2). */
  lost(session: S2SStream): void {
    for (const [name, verification] of this.#pending) {
      if (verification.asked !== session && verification.claimant !== session) continue;
      this.#forget(name, verification);
      if (verification.asked === session)
        this.#answer(verification.claimant, verification, new StanzaError('remote-server-timeout'));
    }
  }

  /** Handles the verdict of an authoritative server. Ignores one that was not requested on this stream (§3.1). */
  end(session: S2SStream, element: Element): void {
    const { from, to } = this.#names.read(element, session);
    const name = nameOf(from, element.attrs.id ?? '');
    const verification = this.#pending.get(name);
    if (!verification || verification.asked !== session || to !== verification.to) return;
    this.#forget(name, verification);
    const { claimant } = verification;
    if (element.attrs.type === 'valid') this.#accept(claimant, verification);
    else if (element.attrs.type === 'invalid') this.#reject(claimant, verification);
    else this.#answer(claimant, verification, new StanzaError('remote-server-not-found'));
  }

  #refusal(claimant: S2SStream, { from, to }: Addresses, key: string): StanzaError | undefined {
    if (to !== this.#module.host.domain) return new StanzaError('item-not-found');
    const refusal = claimant.refuses(from, to);
    if (refusal) return refusal;
    if (key.length > MAX_KEY_CHARS) return new StanzaError('policy-violation');
    const own = [...this.#pending.values()].filter((other) => other.claimant === claimant);
    const isTooMuch = own.length >= MAX_VERIFYING_PER_STREAM || this.#isFullFor(claimant);
    if (isTooMuch || own.some((other) => other.from === from)) return new StanzaError('resource-constraint');
    return undefined;
  }

  /** Bounds the verifications of one site, so that claims without an answer leave places to other sites. */
  #isFullFor({ remoteSite }: S2SStream): boolean {
    if (this.#pending.size >= MAX_VERIFYING) return true;
    const ofSite = [...this.#pending.values()].filter(({ claimant }) => claimant.remoteSite === remoteSite);
    return ofSite.length >= MAX_VERIFYING_PER_SITE;
  }

  /** §2.1.2: asks the authoritative server of the domain whether it made this key. */
  async #ask(verification: Verification, name: string, id: string, key: string): Promise<void> {
    const { claimant, from, to } = verification;
    try {
      const asked = await streams(this.#module).connectRemote(from);
      if (this.#pending.get(name) !== verification) return;
      verification.asked = asked;
      if (asked.send(xml('db:verify', { from: to, to: from, id }, key))) return;
      throw new Error('the stream has been closed');
    } catch (error) {
      if (this.#pending.get(name) !== verification) return;
      this.#forget(name, verification);
      this.#module.log.info('dialback failed', { from, why: String(error) });
      this.#answer(claimant, verification, new StanzaError('remote-server-not-found'));
    }
  }

  #forget(name: string, { timer }: Verification): void {
    this.#pending.delete(name);
    timer.cancel();
  }

  #accept(session: S2SStream, addresses: Addresses): void {
    try {
      session.authenticate(addresses.from, addresses.to);
      this.#answer(session, addresses, 'valid');
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.#answer(session, addresses, error);
    }
  }

  /** §2.2.1: an invalid claim ends the stream, unless another domain was verified on it. */
  #reject(session: S2SStream, addresses: Addresses): void {
    if (session.authenticatedAt !== undefined)
      return this.#answer(session, addresses, new StanzaError('forbidden'));
    this.#answer(session, addresses, 'invalid');
    session.close(new StreamError('not-authorized'));
  }

  #answer(session: S2SStream, { from, to }: Addresses, verdict: 'valid' | 'invalid' | StanzaError): void {
    const error = verdict instanceof StanzaError ? verdict : undefined;
    const type = verdict instanceof StanzaError ? 'error' : verdict;
    session.send(xml('db:result', { from: to, to: from, type }, error?.toElement()));
    if (verdict !== 'valid')
      this.#module.log.info('dialback refused', { from, why: error?.condition ?? type });
  }
}

function nameOf(from: string, streamId: string): string {
  return `${from} ${streamId}`;
}
