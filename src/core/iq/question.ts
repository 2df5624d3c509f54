// One pending request. There may be 200,000 of them, so it is also what its asker gets, and shares its terms.

import type { AskedIq, IqQuestion } from '../../api/iq.ts';
import { StanzaError } from '../../xml/errors.ts';

/** The source of questions: a module on one host, or a part of the server. */
export interface Asker {
  readonly name: string;
}

/** What many questions have in common. */
export interface Terms {
  readonly asker: Asker;
  readonly timeoutMs: number;
  readonly lateMs: number;
  readonly overhead: boolean;
  readonly quotas: Quotas;
}

export class Question implements AskedIq {
  readonly id: string;
  /** Both addresses are prepared (RFC 7622 §3). */
  readonly from: string;
  readonly to: string;
  readonly terms: Terms;
  accepts: IqQuestion['accepts'];
  /** Undefined once the question is cancelled. */
  onAnswer: IqQuestion['onAnswer'] | undefined;
  left = false;
  expiresAt = 0;
  /** Whose quota it uses, until it is answered. */
  #quotaOf: object | undefined;

  /** @throws StanzaError 'resource-constraint' when the quota is used up */
  constructor(
    id: string,
    { from, to }: { from: string; to: string },
    terms: Terms,
    { quota, accepts, onAnswer }: IqQuestion,
  ) {
    this.id = id;
    this.from = from;
    this.to = to;
    this.terms = terms;
    this.accepts = accepts;
    this.onAnswer = onAnswer;
    if (quota) terms.quotas.use(quota);
    this.#quotaOf = quota?.of;
  }

  /** Releases the callbacks and the quota. Idempotent. */
  cancel(): void {
    this.giveBackQuota();
    this.onAnswer = undefined;
    this.accepts = undefined;
  }

  giveBackQuota(): void {
    if (this.#quotaOf === undefined) return;
    this.terms.quotas.giveBack(this.#quotaOf);
    this.#quotaOf = undefined;
  }
}

/** How many questions are pending at the expense of one object, such as an occupant. */
export class Quotas {
  readonly #used = new WeakMap<object, number>();

  /** @throws StanzaError 'resource-constraint' */
  use({ of, max }: NonNullable<IqQuestion['quota']>): void {
    const used = this.#used.get(of) ?? 0;
    if (used >= max) throw tooMany();
    this.#used.set(of, used + 1);
  }

  giveBack(of: object): void {
    this.#used.set(of, (this.#used.get(of) ?? 1) - 1);
  }
}

export function tooMany(): StanzaError {
  return new StanzaError('resource-constraint', { text: 'Too many pending requests' });
}
