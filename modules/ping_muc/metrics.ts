// The metrics of this module.

import type { Counter, Histogram, Labelled, Metrics, Reading } from 'enjamb/api';
import { type Answer, isKnown, type Verdict } from './verdict.ts';

/** Upper bounds of the histograms, in seconds: from a round trip to the give-up. */
const SPANS = [1, 5, 15, 30, 65, 75, 120, 300, 600, 1_200];

export class PingMucMetrics {
  readonly triggers: Labelled<Counter>;
  readonly questions: Labelled<Counter>;
  /** Unusable answers: the client had moved on (`void`), or the sender was wrong (`spoofed`). */
  readonly ignored: Labelled<Counter>;
  readonly late: Counter;
  readonly relays: Counter;
  readonly notices: Labelled<Counter>;
  /** Errors to clients whose join was lost, after which they join again. */
  readonly unanswered: Counter;
  readonly giveUps: Counter;
  readonly silenceChecks: Counter;
  readonly #answers: Labelled<Counter>;
  readonly #verdictSeconds: Histogram;
  readonly #noticeSeconds: Histogram;

  constructor(metric: Metrics) {
    this.triggers = metric.counter('ping_muc_triggers', 'Reasons to doubt the joins of a remote', ['cause']);
    this.questions = metric.counter('ping_muc_questions', 'Questions to rooms and their services', ['kind']);
    this.#answers = metric.counter('ping_muc_answers', 'Answers to them, by verdict and condition', [
      'verdict',
      'condition',
    ]);
    this.ignored = metric.counter('ping_muc_ignored_answers', 'Answers that did not count', ['reason']);
    this.late = metric.counter('ping_muc_late_answers', 'Answers that arrived after the timeout');
    this.relays = metric.counter('ping_muc_relays', 'Pings answered on behalf of clients');
    this.notices = metric.counter('ping_muc_notices', 'Notices to clients that are out of a room', ['cause']);
    this.unanswered = metric.counter('ping_muc_lost_joins', 'Errors to clients whose join was lost');
    this.giveUps = metric.counter('ping_muc_give_ups', 'Joins given up because no answer arrived');
    this.silenceChecks = metric.counter(
      'ping_muc_silence_checks',
      'Rooms asked because they had been silent',
    );
    this.#verdictSeconds = metric.histogram(
      'ping_muc_verdict_seconds',
      'From the break to the verdict about a join',
      SPANS,
    );
    this.#noticeSeconds = metric.histogram(
      'ping_muc_notice_seconds',
      'From the recovery of a domain to the notice',
      SPANS,
    );
  }

  answered(answer: Answer, verdict: Verdict): void {
    this.#answers.of(nameOf(verdict), conditionOf(answer)).add();
  }

  /** A join was settled `afterMs` after the outage began. */
  settled(afterMs: number): void {
    this.#verdictSeconds.observe(afterMs / 1_000);
  }

  /** A notice was sent `afterMs` after the remote became reachable again. */
  told(afterMs: number): void {
    this.#noticeSeconds.observe(afterMs / 1_000);
  }
}

/** `states`: the states of all outages. */
export function measureOutages(metric: Metrics, states: () => Iterable<string>): void {
  metric.gauge('ping_muc_domains', 'Domains of rooms that are in doubt', ['state'], () => {
    const counts = new Map<string, number>();
    for (const state of states()) counts.set(state, (counts.get(state) ?? 0) + 1);
    return [...counts].map(([state, count]): Reading => [[state], count]);
  });
}

function nameOf(verdict: Verdict): string {
  if ('conclude' in verdict) return verdict.conclude;
  return 'ask' in verdict ? `ask-${verdict.ask}` : 'ask-again';
}

/** The condition, if RFC 6120 defines it: peers may invent others. */
function conditionOf(answer: Answer): string {
  if (answer.kind !== 'error') return answer.kind;
  const { condition } = answer;
  return condition !== undefined && isKnown(condition) ? condition : 'other';
}
