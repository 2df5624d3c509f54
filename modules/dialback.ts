// XEP-0220 Server Dialback: a server that cannot show a valid certificate proves its name by being reachable there.
//
//   originating ──── db:result(key) ────▶ receiving ──── db:verify(key) ────▶ authoritative (same domain)
//               ◀─── db:result(valid) ───           ◀─── db:verify(valid) ───

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  defineModule,
  type Element,
  Jid,
  NS,
  type S2SSession,
  StanzaError,
  StreamError,
  type Timer,
  xml,
} from 'enjamb/api';

/** How long the authoritative server may take. */
const VERIFY_MS = 20_000;
/** Verifications under way at once, for all peers together: each may cost a connection. */
const MAX_VERIFYING = 500;
const MAX_KEY_CHARS = 1_024;

interface Verification {
  /** Whoever claims to be `from` on its stream to us. */
  readonly claimant: S2SSession;
  readonly from: string;
  /** Where we asked; only there is the answer taken. */
  readonly asked: S2SSession;
  readonly timer: Timer;
}

export default defineModule({
  name: 'dialback',
  summary: 'Authenticates other servers by calling them back (XEP-0220)',
  implements: ['XEP-0220 1.1.1', 'XEP-0185 1.0'],
  scope: 'host',

  load(module) {
    const local = module.host.domain;
    const secret = module.keep('secret', () => randomBytes(32).toString('hex'));
    const verifying = new Map<string, Verification>();
    /** Our own streams on which the answer to our key is awaited. */
    const claiming = new WeakSet<S2SSession>();

    /** XEP-0185 §3: nothing has to be remembered for the answer. */
    const keyFor = (receiving: string, originating: string, streamId: string) =>
      createHmac('sha256', secret).update(`${receiving} ${originating} ${streamId}`).digest('hex');

    module.hook('stream-features', ({ session, features }) => {
      if (session?.kind !== 's2s') return;
      features.append(xml('dialback', NS.DIALBACK_FEATURE, xml('errors')));
    });

    module.hook('s2s-authenticate', ({ session, remote }) => {
      const key = keyFor(remote, local, session.streamId);
      claiming.add(session);
      session.send(xml('db:result', { from: local, to: remote }, key));
      return 'handled';
    });

    module.handleNonza({ on: ['s2s'], name: 'result', xmlns: NS.DIALBACK }, (element, peer) => {
      const session = peer as S2SSession;
      const addresses = addressesOf(element);
      if (element.attrs.type !== undefined) takeAnswer(session, addresses.from, element);
      else if (addresses.to !== local) answer(session, addresses, new StanzaError('item-not-found'));
      else if (session.proves(addresses.from))
        accept(session, addresses); // A certificate says more than a call.
      else module.spawn(verify(session, addresses, element.text()));
    });

    module.handleNonza({ on: ['s2s'], name: 'verify', xmlns: NS.DIALBACK }, (element, peer) => {
      const session = peer as S2SSession;
      if (element.attrs.type !== undefined) return takeVerdict(session, element);
      const { from, to } = addressesOf(element);
      const { id = '' } = element.attrs;
      const isOurs = to === local && sameText(element.text(), keyFor(from, to, id));
      session.send(xml('db:verify', { from: to, to: from, id, type: isOurs ? 'valid' : 'invalid' }));
    });

    /** Section 2.3: asks the server that answers for the domain whether it made this key. */
    async function verify(claimant: S2SSession, { from, to }: Addresses, key: string): Promise<void> {
      const id = claimant.streamId;
      if (key.length > MAX_KEY_CHARS)
        return answer(claimant, { from, to }, new StanzaError('policy-violation'));
      if (verifying.size >= MAX_VERIFYING)
        return answer(claimant, { from, to }, new StanzaError('resource-constraint'));
      let asked: S2SSession;
      try {
        asked = await module.connectRemote(from);
      } catch (error) {
        module.log.info('dialback failed', { from, why: String(error) });
        return answer(claimant, { from, to }, new StanzaError('remote-server-not-found'));
      }
      const name = verificationName(from, id);
      verifying.get(name)?.timer.cancel();
      const timer = module.after(VERIFY_MS, () => {
        verifying.delete(name);
        answer(claimant, { from, to }, new StanzaError('remote-server-timeout'));
      });
      verifying.set(name, { claimant, from, asked, timer });
      asked.send(xml('db:verify', { from: to, to: from, id }, key));
    }

    function takeVerdict(session: S2SSession, element: Element): void {
      const { from, to } = addressesOf(element);
      const name = verificationName(from, element.attrs.id ?? '');
      const verification = verifying.get(name);
      if (verification?.asked !== session || to !== local) return;
      verifying.delete(name);
      verification.timer.cancel();
      const addresses = { from, to };
      if (element.attrs.type === 'valid') accept(verification.claimant, addresses);
      else answer(verification.claimant, addresses, 'invalid');
    }

    function accept(session: S2SSession, { from, to }: Addresses): void {
      try {
        session.authenticate(from);
        answer(session, { from, to }, 'valid');
      } catch (error) {
        if (!(error instanceof StanzaError)) throw error;
        answer(session, { from, to }, error);
      }
    }

    /** Section 2.1.2: the verdict on the peer's claim. An invalid one ends the stream (§2.1.2). */
    function answer(
      session: S2SSession,
      { from, to }: Addresses,
      verdict: 'valid' | 'invalid' | StanzaError,
    ): void {
      const type = verdict instanceof StanzaError ? 'error' : verdict;
      const error = verdict instanceof StanzaError ? verdict.toElement() : undefined;
      session.send(xml('db:result', { from: to, to: from, type }, error));
      if (verdict !== 'valid')
        module.log.info('dialback refused', {
          from,
          why: error ? (verdict as StanzaError).condition : verdict,
        });
      if (verdict === 'invalid') session.close(new StreamError('not-authorized'));
    }

    /** The receiving server's answer to our own claim. */
    function takeAnswer(session: S2SSession, from: string, element: Element): void {
      if (!claiming.delete(session)) throw new StreamError('not-authorized', 'An answer to nothing');
      if (element.attrs.type === 'valid') return session.authenticate(from);
      const why = StanzaError.from(element).condition;
      session.close(new StreamError('undefined-condition', `${from} did not accept dialback (${why})`));
    }
  },
});

interface Addresses {
  readonly from: string;
  readonly to: string;
}

/** @throws StreamError 'improper-addressing' */
function addressesOf(element: Element): Addresses {
  const from = Jid.tryParse(element.attrs.from);
  const to = Jid.tryParse(element.attrs.to);
  if (!from?.isDomain || !to?.isDomain) throw new StreamError('improper-addressing');
  return { from: from.domain, to: to.domain };
}

function verificationName(from: string, streamId: string): string {
  return `${from} ${streamId}`;
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
