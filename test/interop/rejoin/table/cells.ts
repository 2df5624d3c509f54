// What one program made of one fault: the columns of the table.

export type Mode = 'silent' | 'assisted';

/** Nicks that it does not list, that are not there, and that it lists more than once. */
interface People {
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  readonly repeated?: readonly string[];
}

export interface Cell {
  /** Whether it hears what is said afterwards, and what it says is heard. */
  readonly alive: 'yes' | 'deaf' | 'mute' | 'no';
  /** Of the messages that were said meanwhile, those it never showed. */
  readonly lost: readonly string[];
  readonly twice: readonly string[];
  readonly inOrder: boolean;
  /** Compared with the observer; absent: it has no list. */
  readonly people?: People;
  /** Whether it alerted its user to the mention; absent: that cannot be seen. */
  readonly alerted?: boolean;
  /** From the link to the occupant; 0: the room has never lost it; absent: the observer has not seen it come. */
  readonly seconds?: number;
}

export const GAP = ['gap-1', 'gap-2', 'gap-3'] as const;
export const MENTION = GAP[1];
const SAID = ['before-1', ...GAP, 'after-1'];

export interface Seen {
  readonly talk: string;
  readonly people: readonly string[] | undefined;
  readonly alerts: string | undefined;
  /** Whether the observer has heard it; undefined: it never speaks. */
  readonly isHeard: boolean | undefined;
  readonly seconds: number | undefined;
}

export function cellOf(seen: Seen, present: readonly string[]): Cell {
  const { talk, people, alerts, isHeard, seconds } = seen;
  const times = (text: string) => talk.split(text).length - 1;
  const shown = SAID.filter((text) => times(text) > 0);
  const firsts = shown.map((text) => talk.indexOf(text));
  return {
    alive: aliveness(times('after-1') > 0, isHeard),
    lost: GAP.filter((text) => times(text) === 0),
    twice: SAID.filter((text) => times(text) > 1),
    inOrder: firsts.every((at, i) => i === 0 || at > firsts[i - 1]!),
    ...(people === undefined ? {} : { people: difference(people, present) }),
    ...(alerts === undefined ? {} : { alerted: alerts.includes(MENTION) }),
    ...(seconds === undefined ? {} : { seconds }),
  };
}

/** How many people are named. */
const FEW = 3;
const SAYS = { no: 'out of the room', deaf: 'hears nobody', mute: 'is not heard' };

/** What is not as if nothing had happened; empty: all is well. */
export function failures({ alive, lost, twice, inOrder, people }: Cell): string[] {
  const wrong: string[] = [];
  if (alive !== 'yes') wrong.push(SAYS[alive]);
  if (lost.length > 0) wrong.push(`lost ${lost.join(', ')}`);
  if (twice.length > 0) wrong.push(`twice ${twice.join(', ')}`);
  if (!inOrder) wrong.push('not in order');
  if (alive === 'no') return wrong;
  const { missing = [], extra = [], repeated = [] } = people ?? {};
  if (missing.length > 0) wrong.push(`does not list ${counted(missing)}`);
  if (extra.length > 0) wrong.push(`still lists ${counted(extra)}`);
  if (repeated.length > 0) wrong.push(`lists ${counted(repeated)} twice`);
  return wrong;
}

function counted(nicks: readonly string[]): string {
  return nicks.length > FEW ? `${nicks.length} people` : nicks.join(' and ');
}

function aliveness(hears: boolean, isHeard: boolean | undefined): Cell['alive'] {
  if (hears) return isHeard === false ? 'mute' : 'yes';
  return isHeard === true ? 'deaf' : 'no';
}

function difference(listed: readonly string[], present: readonly string[]) {
  const repeated = new Set(listed.filter((nick, i) => listed.indexOf(nick) < i));
  return {
    missing: present.filter((nick) => !listed.includes(nick)).toSorted(),
    extra: listed.filter((nick) => !present.includes(nick)).toSorted(),
    ...(repeated.size === 0 ? {} : { repeated: [...repeated].toSorted() }),
  };
}
