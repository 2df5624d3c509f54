// Questions to owners (users, rooms) and events on other hosts. They are asynchronous and hold plain data, so that
// a host could run in another process.

import type { EventName } from '../api/events.ts';
import type { OwnerQuestion } from '../api/module.ts';
import type { Clock } from '../util/clock.ts';
import type { Jid } from '../xml/jid.ts';
import type { LocalHost } from './host.ts';
import type { Answerer } from './owner-answers.ts';
import { loaded } from './owner-queues.ts';
import { plainCopy } from './plain.ts';
import type { Router } from './router.ts';

const ANSWER_MS = 5_000;

export interface OwnersContext {
  readonly router: Router;
  readonly clock: Clock;
}

/** Asks the host of an owner. `undefined`: the host is not ours, no module answers, or none within 5 s. */
export async function askOwner(
  { router, clock }: OwnersContext,
  owner: Jid,
  name: OwnerQuestion,
  payload: unknown,
): Promise<unknown> {
  const question = plainCopy(payload);
  await undefined; // Always in a later tick, as with a host in another process.
  const host = router.hosts.get(owner.domain);
  const answerer = host?.ownerAnswers.get(name);
  if (host === undefined || answerer === undefined) return undefined;
  const answer = answerOf(host, answerer, { owner, name, question, clock });
  router.work.add(answer, answerer.module);
  return within(clock, answer);
}

/** An error of the answering module is logged and returned as `undefined`. */
async function answerOf(
  host: LocalHost,
  { answer, module }: Answerer,
  { owner, name, question, clock }: { owner: Jid; name: string; question: unknown; clock: Clock },
): Promise<unknown> {
  const release = host.stores.hold(owner.local ?? '');
  try {
    const ready = host.ready(owner.local ?? '');
    if (ready !== true) await loaded(ready, clock);
    return plainCopy(await answer(owner, question));
  } catch (error) {
    host.faults.report('handler', error, { event: name, module });
    return undefined;
  } finally {
    release?.();
  }
}

function within(clock: Clock, answer: Promise<unknown>): Promise<unknown> {
  return new Promise((resolve) => {
    const limit = clock.after(ANSWER_MS, () => resolve(undefined));
    void answer.then((value) => {
      limit.cancel();
      resolve(value);
    });
  });
}

/** Notifies every host, and resolves once all work that handlers passed to `waitUntil` has settled. Logs failures. */
export async function tellAll(router: Router, event: EventName, data: object, module: string): Promise<void> {
  const told = plainCopy(data);
  await undefined;
  const works: Promise<unknown>[] = [];
  const waitUntil = (work: Promise<unknown>) => {
    works.push(work);
    router.work.add(work, module);
  };
  for (const { hooks } of router.hosts.values()) hooks.notify(event, { ...told, waitUntil } as never);
  await Promise.allSettled(works);
}
