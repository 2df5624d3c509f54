// The pending requests of this server itself.
//
//   waiting ──answer──▶ forgotten        waiting ──timeout──▶ late ──answer, or lateMs──▶ forgotten
//
// The id of a request stays known while it is late or its module is unloaded, so that no answer reaches a client.

import type { StanzaEvent } from '../../api/events.ts';
import type { AskedIq, IqAnswer, IqQuestion } from '../../api/iq.ts';
import type { Clock } from '../../util/clock.ts';
import type { Faults } from '../../util/faults.ts';
import { newId } from '../../util/ids.ts';
import type { Logger } from '../../util/logger.ts';
import type { Stanza } from '../../xml/element.ts';
import { IqTimeoutError, StanzaError } from '../../xml/errors.ts';
import { Jid } from '../../xml/jid.ts';
import { answerOf } from './answer.ts';
import { ExpiringMap } from './expiring-map.ts';
import { type Asker, Question, Quotas, type Terms, tooMany } from './question.ts';

/** Waiting and late. Each takes about 180 bytes, and what its `onAnswer` holds. */
export const MAX_QUESTIONS = 200_000;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Terms of one asker that are shared. A module has few. */
const MAX_TERMS = 8;

export class PendingIqs {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #faults: Faults;
  readonly #waiting: ExpiringMap<Question>;
  readonly #late: ExpiringMap<Question>;
  readonly #quotas = new Quotas();
  readonly #terms = new WeakMap<Asker, Terms[]>();
  readonly #closed = new AbortController();
  /** The number of answers dropped because of a wrong sender. */
  forged = 0;

  constructor(clock: Clock, log: Logger, faults: Faults) {
    this.#clock = clock;
    this.#log = log;
    this.#faults = faults;
    this.#waiting = new ExpiringMap(clock, (id, question) => this.#timeout(id, question));
    this.#late = new ExpiringMap(clock, () => {});
  }

  get size(): number {
    return this.#waiting.size + this.#late.size;
  }

  /** Cancels all questions, since the server stops. */
  close(): void {
    this.#closed.abort(new DOMException('The server is stopping', 'AbortError'));
    this.#waiting.clear();
    this.#late.clear();
  }

  /**
   * Sends a request, with `send`, under an id of our own.
   * @throws StanzaError 'resource-constraint' when too many questions are pending; then nothing is sent.
   */
  ask(asker: Asker, iq: Stanza, question: IqQuestion, send: (iq: Stanza) => unknown): AskedIq {
    const [from, to] = [prepared(iq.attrs.from), prepared(iq.attrs.to)];
    if (from === undefined || to === undefined) throw new TypeError('A request needs from and to');
    const { timeoutMs = DEFAULT_TIMEOUT_MS, lateMs = 0, overhead = false } = question;
    this.#makeRoom();
    const asked = new Question(
      newId(),
      { from, to },
      this.#termsOf({ asker, timeoutMs, lateMs, overhead }),
      question,
    );
    if (!this.#closed.signal.aborted) {
      this.#waiting.set(asked.id, asked, timeoutMs);
      send(iq.with({ id: asked.id, from, to }));
    }
    return asked;
  }

  /**
   * Sends a request and resolves with the result.
   * @throws StanzaError the peer's error; IqTimeoutError; the signal's reason when it aborts.
   */
  request(
    asker: Asker,
    iq: Stanza,
    question: Omit<IqQuestion, 'onAnswer'>,
    send: (iq: Stanza) => unknown,
    signal: AbortSignal,
  ): Promise<Stanza> {
    const signals = [this.#closed.signal, signal];
    const ended = signals.find(({ aborted }) => aborted);
    if (ended) return Promise.reject(reasonFor(ended));
    return new Promise((resolve, reject) => {
      let asked: AskedIq | undefined;
      const abort = ({ target }: Event) => {
        settled();
        asked?.cancel();
        reject(reasonFor(target as AbortSignal));
      };
      const settled = () => {
        for (const each of signals) each.removeEventListener('abort', abort);
      };
      const onAnswer = (answer: IqAnswer) => {
        settled();
        if (answer.kind === 'timeout') reject(new IqTimeoutError());
        else if (answer.stanza.attrs.type === 'error') reject(StanzaError.from(answer.stanza));
        else resolve(answer.stanza);
      };
      for (const each of signals) each.addEventListener('abort', abort);
      try {
        asked = this.ask(asker, iq, { ...question, lateMs: 0, onAnswer }, send);
      } catch (error) {
        settled();
        reject(error);
      }
    });
  }

  /**
   * Passes an answer to its asker. Returns whether the stanza has the id of a request of ours; then no other code may
   * see it. An answer from a wrong sender is dropped, since a peer may know the id.
   */
  take(event: StanzaEvent): boolean {
    const { id } = event.stanza.attrs;
    if (id === undefined || this.size === 0) return false;
    const waiting = this.#waiting.get(id);
    const question = waiting ?? this.#late.get(id);
    if (question === undefined || question.from !== event.to.toString()) return false;
    if (!this.#isAccepted(question, event)) {
      this.forged++;
      this.#log.debug('answer from wrong sender dropped', { from: `${event.from}`, asked: question.to });
      return true;
    }
    this.#waiting.delete(id);
    this.#late.delete(id);
    const { onAnswer } = question;
    question.cancel();
    if (question.terms.overhead) event.markOverhead();
    this.#tell(question, onAnswer, answerOf(event, waiting === undefined));
    return true;
  }

  /** Records that a request has left over a link, or has reached a service of ours. Returns whether it is overhead. */
  left(request: Stanza): 'overhead' | undefined {
    const question = this.#questionOf(request);
    if (question === undefined) return undefined;
    if (!question.left) this.#leave(question);
    return question.terms.overhead ? 'overhead' : undefined;
  }

  /** The time-out counts from now on. */
  #leave(question: Question): void {
    const { id, expiresAt, terms } = question;
    question.left = true;
    const hasWaited = expiresAt < this.#clock.elapsed() + terms.timeoutMs;
    if (hasWaited && this.#waiting.delete(id)) this.#waiting.set(id, question, terms.timeoutMs);
  }

  /** Whether a request serves the link itself, so that it is not resent after its stream has broken. */
  isOverhead(request: Stanza): boolean {
    return this.#questionOf(request)?.terms.overhead === true;
  }

  #questionOf({ attrs: { id, from, to } }: Stanza): Question | undefined {
    if (id === undefined || this.size === 0) return undefined;
    const question = this.#waiting.get(id) ?? this.#late.get(id);
    return question?.from === from && question?.to === to ? question : undefined;
  }

  /** Cancels all questions of an asker. Their ids stay known for `lateMs`. */
  forget(asker: Asker): void {
    for (const [, question] of this.#late.entries()) if (question.terms.asker === asker) question.cancel();
    for (const [id, question] of [...this.#waiting.entries()]) {
      const { lateMs } = question.terms;
      if (question.terms.asker !== asker) continue;
      question.cancel();
      this.#waiting.delete(id);
      if (lateMs > 0) this.#late.set(id, question, lateMs);
    }
  }

  /** One object for all questions with the same terms: there may be 200,000. */
  #termsOf(wanted: Omit<Terms, 'quotas'>): Terms {
    const { asker, timeoutMs, lateMs, overhead } = wanted;
    const shared = this.#terms.get(asker) ?? [];
    const isWanted = (one: Terms) =>
      one.timeoutMs === timeoutMs && one.lateMs === lateMs && one.overhead === overhead;
    const found = shared.find(isWanted);
    if (found) return found;
    const terms = { ...wanted, quotas: this.#quotas };
    if (shared.length < MAX_TERMS) this.#terms.set(asker, [...shared, terms]);
    return terms;
  }

  /** Nobody waits for a question that is late already: those make room first. */
  #makeRoom(): void {
    if (this.size < MAX_QUESTIONS || this.#late.deleteOldest()) return;
    throw tooMany();
  }

  #timeout(id: string, question: Question): void {
    const { onAnswer } = question;
    const { lateMs } = question.terms;
    question.giveBackQuota();
    if (lateMs > 0) this.#late.set(id, question, lateMs);
    this.#tell(question, onAnswer, { kind: 'timeout' });
  }

  #isAccepted(question: Question, { stanza, from }: StanzaEvent): boolean {
    const { accepts, to } = question;
    if (!accepts) return from.toString() === to;
    try {
      return accepts(from, stanza);
    } catch (error) {
      this.#faults.report('handler', error, { module: question.terms.asker.name });
      return false;
    }
  }

  #tell({ terms }: Question, onAnswer: IqQuestion['onAnswer'] | undefined, answer: IqAnswer): void {
    try {
      onAnswer?.(answer);
    } catch (error) {
      this.#faults.report('handler', error, { module: terms.asker.name });
    }
  }
}

function reasonFor(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}

/** The prepared form of an address, since peers may spell it differently: `Capulet.lit` for `capulet.lit`. */
function prepared(address: string | undefined): string | undefined {
  return Jid.tryParse(address)?.toString();
}
