// What the module API must not let through. Compiled and never run: each `@ts-expect-error` is an assertion that the
// line below it is refused.

import {
  type C2SSession,
  defineModule,
  duration,
  type Event,
  integer,
  Jid,
  oneOf,
  type S2SStream,
  xml,
} from 'enjamb/api';

declare module 'enjamb/api' {
  interface Events {
    /** A question of a module: any handler may answer. */
    'types-question': Event<{ readonly user: string }, boolean>;
    /** Something that handlers may refuse or change. */
    'types-change': Event<{ text: string }, undefined>;
    /** Something that has happened. */
    'types-happened': Event<{ readonly user: string; count: number }>;
  }
  interface Exports {
    types: { answer(): number };
  }
  interface OwnerQuestions {
    'types-mood': Event<{ readonly word: string }, { readonly mood: string }>;
  }
  interface Items {
    'types-list': number;
  }
  interface C2SState {
    types?: Set<string>;
  }
}

export default defineModule({
  name: 'types',
  summary: 'What compiles, and what does not',
  depends: ['types'],
  options: {
    types_delay: duration('How long', { default: '60 seconds' }),
    types_max: integer('How many', { default: 500, min: 1 }),
    types_policy: oneOf('Which', ['roster', 'always', 'never'], { default: 'always' }),
  },

  load(module) {
    // ── Events ───────────────────────────────────────────────────────────────────────────────────────────────
    module.hook('message/bare', (event) => (event.stanza.attrs.id === '1' ? 'handled' : undefined));
    module.hook('message/bare', (event) => void module.log.debug(event.stanza.name), 'guard');
    module.hook('types-question', ({ user }) => user === 'romeo');
    module.hook('types-happened', ({ user }) => module.log.debug(user));

    // @ts-expect-error there is no such event
    module.hook('mesage/bare', () => undefined);
    // @ts-expect-error routing is synchronous: a handler cannot wait
    module.hook('message/bare', async () => undefined);
    // @ts-expect-error the word is 'handled'
    module.hook('message/bare', () => true);
    // @ts-expect-error nor is any other word
    module.hook('message/bare', () => 'done');
    // @ts-expect-error what has happened is not answered
    module.hook('types-happened', () => true);
    // @ts-expect-error the answer is a boolean
    module.hook('types-question', () => 'handled');
    // @ts-expect-error an observer is no stage of a hook
    module.hook('message/bare', () => undefined, 'observe');
    // @ts-expect-error there is no such stage
    module.hook('message/bare', () => undefined, 'last');
    module.hook('types-change', (event) => void event.text, 'guard');
    // @ts-expect-error nothing is answered where something may be changed
    module.hook('types-change', () => 'handled');
    // @ts-expect-error a notification has no stage
    module.hook('types-happened', () => {}, 'guard');
    // @ts-expect-error nor have those of the core
    module.hook('resource-unbind', () => {}, 'deliver');

    // ── Observers ────────────────────────────────────────────────────────────────────────────────────────────
    module.observe('message/bare', ({ stanza }) => module.log.debug(stanza.name));

    // @ts-expect-error an observer does not answer
    module.observe('message/bare', () => 'handled');
    // @ts-expect-error an observer cannot wait
    module.observe('message/bare', async () => undefined);
    module.observe('message/bare', (event) => {
      // @ts-expect-error an observer edits nothing
      event.stanza = xml('message');
    });
    module.observe('types-happened', (event) => {
      // @ts-expect-error nor there
      event.count = 1;
    });
    module.hook('message/bare', (event) => {
      event.stanza = event.stanza.with({ id: '1' });
      // @ts-expect-error who has sent it stays who has sent it
      event.from = event.to;
    });

    // ── Who has sent it ──────────────────────────────────────────────────────────────────────────────────────
    module.hook('pre-message/bare', ({ origin }) => void origin.jid);
    module.hook('message/bare', ({ origin }) => {
      // @ts-expect-error it may be another server
      void origin.jid;
    });

    // ── Firing ───────────────────────────────────────────────────────────────────────────────────────────────
    const answer: boolean | undefined = module.fire('types-question', { user: 'romeo' });
    void answer;
    const asked: boolean | undefined = module.ask('types-question', { user: 'romeo' });
    void asked;
    module.answerFor('types-mood', (_, { word }) => ({ mood: word }));
    void module.askOwner(Jid.parse('romeo@montague.lit'), 'types-mood', { word: 'merry' });
    // @ts-expect-error the payload is incomplete
    void module.askOwner(Jid.parse('romeo@montague.lit'), 'types-mood', {});
    // @ts-expect-error the answer has another shape
    module.answerFor('types-mood', () => 'merry');
    // @ts-expect-error an event is no question about an owner
    module.answerFor('types-question', () => true);
    void module.tellAll('types-happened', { user: 'romeo', count: 1 });
    // @ts-expect-error all hosts are told, not asked
    void module.tellAll('types-question', { user: 'romeo' });
    // @ts-expect-error a notification is no question
    module.ask('types-happened', { user: 'romeo', count: 1 });
    module.notify('types-happened', { user: 'romeo', count: 1 });
    // @ts-expect-error nobody can refuse what has happened
    module.fire('types-happened', { user: 'romeo', count: 1 });
    // @ts-expect-error a question is no notification
    module.notify('types-question', { user: 'romeo' });
    // @ts-expect-error nor is something that may be changed
    module.notify('types-change', { text: '' });
    // @ts-expect-error the payload is incomplete
    module.notify('types-happened', { user: 'romeo' });
    // @ts-expect-error the payload is incomplete
    module.fire('types-question', {});
    // @ts-expect-error there is no such event
    module.fire('types-questions', { user: 'romeo' });

    // ── Options ──────────────────────────────────────────────────────────────────────────────────────────────
    const delayMs: number = module.options.types_delay;
    const policy: 'roster' | 'always' | 'never' = module.options.types_policy;
    void [delayMs, policy];
    // @ts-expect-error there is no such option
    void module.options.types_dely;
    // @ts-expect-error it is a number
    const text: string = module.options.types_max;
    void text;
    // @ts-expect-error that is none of the choices
    if (module.options.types_policy === 'sometimes') return { answer: () => 0 };
    // @ts-expect-error options are the administrator's
    module.options.types_max = 1;

    // ── What modules share ───────────────────────────────────────────────────────────────────────────────────
    const number: number = module.use('types').answer();
    module.provide('types-list', number);
    // @ts-expect-error nobody exports that
    module.use('typos');
    // @ts-expect-error it has nothing of that name
    module.use('types').question();
    // @ts-expect-error there is no such list
    module.provide('types-lists', 1);
    // @ts-expect-error these are numbers
    module.provide('types-list', 'one');

    // ── State ────────────────────────────────────────────────────────────────────────────────────────────────
    const keep = (client: C2SSession, server: S2SStream) => {
      client.state.types = new Set(['a']);
      // @ts-expect-error nobody has declared that slot
      client.state.typos = new Set(['a']);
      // @ts-expect-error it is a set of words
      client.state.types = new Set([1]);
      // @ts-expect-error it was declared for clients
      server.state.types = new Set(['a']);
      // @ts-expect-error whose session it is does not change
      client.jid = client.jid.toBare();
    };
    void keep;

    // ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────
    module.handleIq({ type: 'get', to: ['host'], name: 'q', xmlns: 'urn:q' }, async () => xml('q', 'urn:q'));
    // @ts-expect-error a result answers and is not handled
    module.handleIq({ type: 'result', to: ['host'], name: 'q', xmlns: 'urn:q' }, () => undefined);
    // @ts-expect-error who is at a resource answers for itself
    module.handleIq({ type: 'get', to: ['full'], name: 'q', xmlns: 'urn:q' }, () => undefined);
    // @ts-expect-error the answer is an element
    module.handleIq({ type: 'get', to: ['host'], name: 'q', xmlns: 'urn:q' }, () => 'yes');

    return { answer: () => 42 };
  },
});

// @ts-expect-error the default is none of the choices
oneOf('Which', ['roster', 'always'], { default: 'sometimes' });

// @ts-expect-error a module has a summary
defineModule({ name: 'types', load() {} });

// @ts-expect-error there is no such scope
defineModule({ name: 'types', summary: '', scope: 'everywhere', load() {} });

defineModule({
  name: 'types',
  summary: '',
  load(module) {
    // @ts-expect-error this one has declared no options
    void module.options.types_delay;
  },
});
