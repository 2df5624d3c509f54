// SASL EXTERNAL and dialback with a real server, in each combination of trust and requirements on both sides. A ping
// needs a stream in each direction: ours for the question, theirs for the answer.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Enjamb } from '../support/enjamb.ts';
import type { Federation, Trust } from './federation.ts';

export type Proof = 'EXTERNAL' | 'dialback';

interface Combination extends Trust {
  readonly name: string;
  /** The method by which we authenticate to them, and they to us; `undefined`: no link opens. */
  readonly proof: readonly [ours: Proof, theirs: Proof] | undefined;
}

const NEITHER = { weTrust: false, theyTrust: false };
const BOTH = { weTrust: true, theyTrust: true };
const ONLY_WE = { weTrust: true, theyTrust: false };
const ONLY_THEY = { weTrust: false, theyTrust: true };

const COMBINATIONS: readonly Combination[] = [
  { name: 'each trusts the other', ...BOTH, proof: ['EXTERNAL', 'EXTERNAL'] },
  { name: 'only we trust them', ...ONLY_WE, proof: ['dialback', 'EXTERNAL'] },
  { name: 'only they trust us', ...ONLY_THEY, proof: ['EXTERNAL', 'dialback'] },
  { name: 'nobody trusts anybody', ...NEITHER, proof: ['dialback', 'dialback'] },
  {
    name: 'each trusts the other and demands a certificate',
    ...BOTH,
    weDemand: true,
    theyDemand: true,
    proof: ['EXTERNAL', 'EXTERNAL'],
  },
  {
    name: 'we demand a certificate, and trust theirs; they do not trust ours',
    ...ONLY_WE,
    weDemand: true,
    proof: ['dialback', 'EXTERNAL'],
  },
  {
    name: 'we demand a certificate, and do not trust theirs',
    ...ONLY_THEY,
    weDemand: true,
    proof: undefined,
  },
  {
    name: 'they demand a certificate, and do not trust ours',
    ...ONLY_WE,
    theyDemand: true,
    proof: undefined,
  },
];

/** The lines in the other server's log when we have authenticated to it, and it to us. */
export type Says = Readonly<Record<Proof, readonly [ours: RegExp, theirs: RegExp]>>;

export interface Play<Peer> {
  readonly domain: string;
  readonly says: Says;
  start(t: TestContext, trust: Trust): Promise<Federation<Peer>>;
  readonly by?: Trust['by'];
}

/** The lines in the other server's log. */
export const PROSODY_SAYS: Says = {
  EXTERNAL: [
    /Accepting SASL EXTERNAL identity from montague\.example/,
    /SASL EXTERNAL with montague\.example succeeded/,
  ],
  dialback: [
    /asking montague\.example if key \w+ belongs to them/,
    /sent dialback key on outgoing s2s stream/,
  ],
};

export const EJABBERD_SAYS: Says = {
  EXTERNAL: [
    /Accepted inbound s2s EXTERNAL authentication montague\.example -> verona\.example/,
    /Accepted outbound s2s EXTERNAL authentication verona\.example -> montague\.example/,
  ],
  dialback: [
    /Accepted inbound s2s dialback authentication montague\.example -> verona\.example/,
    /Accepted outbound s2s dialback authentication verona\.example -> montague\.example/,
  ],
};

/** Tests all combinations, each with new servers. */
export async function proveEachOther<Peer extends { readonly log: string }>(
  t: TestContext,
  { domain, says, start, by = 'STARTTLS' }: Play<Peer>,
): Promise<void> {
  for (const combination of COMBINATIONS) {
    await t.test(combination.name, async (t) => {
      const { enjamb, peer } = await start(t, { ...combination, by });
      if (combination.proof === undefined) {
        await refuse(enjamb, domain, combination);
      } else {
        await meet(enjamb, domain, combination);
        assertProof(peer.log, combination.proof, says);
      }
      await enjamb.stop();
    });
  }
}

/** Checks that a ping is answered, over a stream in each direction. */
async function meet(enjamb: Enjamb, domain: string, { weTrust }: Trust): Promise<void> {
  await enjamb.command(['s2s', 'ping', domain]);
  const links = await enjamb.list('s2s', 'list', domain);
  assert.deepEqual(links.map(({ direction }) => direction).sort(), ['in', 'out']);
  for (const { state, secure, certificate } of links) {
    assert.deepEqual({ state, secure, certificate }, { state: 'open', secure: true, certificate: weTrust });
  }
}

/** Checks that no ping is answered, and that the administrator gets the reason. */
async function refuse(enjamb: Enjamb, domain: string, { weTrust }: Trust): Promise<void> {
  await assert.rejects(enjamb.command(['s2s', 'ping', domain]), /does not answer/);
  const links = await enjamb.list('s2s', 'list', domain);
  assert.deepEqual(
    links.map(({ direction, state }) => [direction, state]),
    [['out', 'closed']],
  );
  const why = String(links[0]?.error);
  if (weTrust) assert.doesNotMatch(why, /s2s_secure_auth/);
  else assert.match(why, /certificate of \S+ is not valid .* s2s_secure_auth is on/);
}

/** Checks in the other server's log that this method was used, and not the other one. */
function assertProof(log: string, [ours, theirs]: readonly [Proof, Proof], says: Says): void {
  for (const way of ['EXTERNAL', 'dialback'] as const) {
    const [byUs, byThem] = says[way];
    assert[ours === way ? 'match' : 'doesNotMatch'](log, byUs);
    assert[theirs === way ? 'match' : 'doesNotMatch'](log, byThem);
  }
}
