// Events: four stages where there is an answer, first answer wins, nobody's failure is anybody else's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StanzaEvent } from '../../../src/api/events.ts';
import { HandlerError, Hooks, unwrap } from '../../../src/core/hooks.ts';
import { Faults } from '../../../src/util/faults.ts';
import type { Logger } from '../../../src/util/logger.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { StanzaError } from '../../../src/xml/errors.ts';

const EVENT = {} as StanzaEvent;

function recorder(): { log: Logger; errors: unknown[] } {
  const errors: unknown[] = [];
  return { log: { ...silentLogger, error: (_message, fields) => errors.push(fields) }, errors };
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

test('handlers run by stage, and within a stage in the order of their registration', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  const ran: string[] = [];
  for (const stage of ['deliver', 'observe', 'rewrite', 'guard'] as const) {
    for (const n of [1, 2]) hooks.add('message/bare', () => void ran.push(`${stage} ${n}`), stage, 'm');
  }
  assert.equal(hooks.fire('message/bare', EVENT), undefined);
  assert.deepEqual(ran, [
    'guard 1',
    'guard 2',
    'rewrite 1',
    'rewrite 2',
    'observe 1',
    'observe 2',
    'deliver 1',
    'deliver 2',
  ]);
});

test('the first answer ends the event, in each stage that allows answers', () => {
  for (const stage of ['guard', 'rewrite', 'deliver'] as const) {
    const hooks = new Hooks(new Faults(silentLogger));
    hooks.add('message/bare', () => 'handled', stage, 'first');
    hooks.add('message/bare', () => assert.fail('ran after the answer'), stage, 'second');
    assert.equal(hooks.fire('message/bare', EVENT), 'handled');
  }
});

test('ignores the value that an observer returns', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  hooks.add('message/bare', () => 'handled', 'observe', 'watcher');
  assert.equal(hooks.fire('message/bare', EVENT), undefined);
});

test('an event without handlers has no answer, and `has` returns false', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  assert.equal(hooks.has('message/bare'), false);
  assert.equal(hooks.fire('message/bare', EVENT), undefined);
  const remove = hooks.add('message/bare', () => undefined, 'deliver', 'm');
  assert.equal(hooks.has('message/bare'), true);
  remove();
  remove();
  assert.equal(hooks.has('message/bare'), false);
});

test('a handler that is added while an event runs is called for the next one', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  let heard = 0;
  let added = false;
  const add = () => {
    if (!added) hooks.add('message/bare', () => void heard++, 'deliver', 'late');
    added = true;
  };
  hooks.add('message/bare', add, 'guard', 'adder');
  hooks.fire('message/bare', EVENT);
  assert.equal(heard, 0);
  hooks.fire('message/bare', EVENT);
  assert.equal(heard, 1);
});

test('a handler that removes itself while the event runs does not affect the others', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  const ran: string[] = [];
  const remove = hooks.add('message/bare', once, 'deliver', 'once');
  function once(): undefined {
    ran.push('once');
    remove();
  }
  hooks.add('message/bare', () => void ran.push('always'), 'deliver', 'always');
  hooks.fire('message/bare', EVENT);
  hooks.fire('message/bare', EVENT);
  assert.deepEqual(ran, ['once', 'always', 'always']);
});

test('a handler that throws in guard, rewrite or deliver ends the event: it fails closed', () => {
  for (const stage of ['guard', 'rewrite', 'deliver'] as const) {
    const hooks = new Hooks(new Faults(silentLogger));
    const refusal = new StanzaError('forbidden');
    hooks.add(
      'message/bare',
      () => {
        throw refusal;
      },
      stage,
      'doorkeeper',
    );
    hooks.add('message/bare', () => assert.fail('delivered all the same'), 'deliver', 'm');
    const thrown = thrownBy(() => hooks.fire('message/bare', EVENT));
    assert.ok(thrown instanceof HandlerError);
    assert.equal(thrown.owner, 'doorkeeper');
    assert.equal(thrown.cause, refusal);
  }
});

test('an observer that throws is logged with its module, and the next handler runs', () => {
  const { log, errors } = recorder();
  const hooks = new Hooks(new Faults(log));
  const error = new Error('broken');
  hooks.add(
    'message/bare',
    () => {
      throw error;
    },
    'observe',
    'clumsy',
  );
  hooks.add('message/bare', () => 'handled', 'deliver', 'm');
  assert.equal(hooks.fire('message/bare', EVENT), 'handled');
  assert.deepEqual(errors, [{ event: 'message/bare', module: 'clumsy', error }]);
});

test('a notification reaches every handler, whatever others return or throw', () => {
  const { log, errors } = recorder();
  const hooks = new Hooks(new Faults(log));
  const heard: string[] = [];
  for (const stage of ['deliver', 'guard', 'observe'] as const) {
    hooks.add(
      'user-create',
      ({ user }) => {
        heard.push(`${stage} ${user}`);
        throw new Error('broken');
      },
      stage,
      stage,
    );
  }
  hooks.notify('user-create', { user: 'romeo' });
  assert.deepEqual(heard, ['deliver romeo', 'guard romeo', 'observe romeo']);
  assert.equal(errors.length, 3);
});

test('a refusal in a nested event keeps its module and its text', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  const refusal = new StanzaError('policy-violation');
  hooks.add('message/bare', () => hooks.fire('message/full', EVENT), 'deliver', 'outer');
  hooks.add(
    'message/full',
    () => {
      throw refusal;
    },
    'guard',
    'inner',
  );
  const thrown = thrownBy(() => hooks.fire('message/bare', EVENT));
  assert.deepEqual(unwrap(thrown, 'router'), { owner: 'inner', error: refusal });
  assert.deepEqual(unwrap(refusal, 'router'), { owner: 'router', error: refusal });
});

test('`ask` logs a failing handler with its module and calls the next one', () => {
  for (const stage of ['guard', 'rewrite', 'observe', 'deliver'] as const) {
    const { log, errors } = recorder();
    const hooks = new Hooks(new Faults(log));
    const broken = new StanzaError('forbidden');
    hooks.add(
      'link-needed',
      () => {
        throw broken;
      },
      stage,
      'broken',
    );
    hooks.add('link-needed', () => 'needed', 'deliver', 'm');
    assert.equal(hooks.ask('link-needed', { remote: 'capulet.lit' }), 'needed');
    assert.deepEqual(errors, [{ event: 'link-needed', module: 'broken', error: broken }]);
  }
});

test('`ask` returns undefined when all handlers fail or there are none', () => {
  const { log, errors } = recorder();
  const hooks = new Hooks(new Faults(log));
  assert.equal(hooks.ask('link-needed', { remote: 'capulet.lit' }), undefined);
  const fails = () => {
    throw new HandlerError('inner', 'link-needed', new Error('broken'));
  };
  hooks.add('link-needed', fails, 'deliver', 'outer');
  hooks.add('link-needed', () => 'needed', 'observe', 'watcher');
  assert.equal(hooks.ask('link-needed', { remote: 'capulet.lit' }), undefined);
  assert.equal((errors[0] as { module: string }).module, 'inner');
});

test('a notification has no stage: handlers run in the order of their registration', () => {
  const hooks = new Hooks(new Faults(silentLogger));
  const ran: string[] = [];
  const removals = (['deliver', 'observe', 'rewrite', 'guard'] as const).map((stage) =>
    hooks.add('host-start', () => void ran.push(stage), stage, 'm'),
  );
  removals[1]!();
  hooks.notify('host-start', { domain: 'montague.lit' });
  assert.deepEqual(ran, ['deliver', 'rewrite', 'guard']);
});
